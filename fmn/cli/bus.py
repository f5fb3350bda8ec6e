"""`fmn publish`."""

from typing import Annotated

import typer

from fmn.bus.bus import open_bus
from fmn.bus.facts import Decoder
from fmn.cli.lines import Lines
from fmn.cli.say import emit_text
from fmn.cli.settings import ConfigFile, Site, run, site


def publish(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Messages, a JSON object a line.")],
    config: ConfigFile = None,
) -> None:
    """Put messages on the configured bus; print how many."""
    at = site(config)
    lines = Lines(file, at.settings.bus, _publishable)
    emit_text(f"{run(_publish(at, lines))}\n")
    if lines.bad:
        raise typer.Exit(1)


def _publishable(decoder: Decoder, line: bytes) -> bytes:
    decoder.publication(line)
    return line


async def _publish(at: Site, lines: Lines[bytes]) -> int:
    async with open_bus(at.settings.bus, lambda *_: None) as bus:
        return await bus.publish(lines)
