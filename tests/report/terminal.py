"""A terminal of 80 columns that knows no colours."""

import io

from rich.console import Console, RenderableType


def drawn(renderable: RenderableType) -> str:
    """Return what such a terminal shows."""
    out = io.StringIO()
    Console(file=out, width=80, color_system=None).print(renderable)
    return out.getvalue()
