"""The form of a rule: what is typed into it, and what its page says."""

import re
from typing import Any

from httpx import Response


def typed(**changes: Any) -> dict[str, Any]:
    """Return the fields of a rule about koji."""
    fields = {
        "do": "save",
        "name": "Builds",
        "enabled": "yes",
        "filters.0.kind": "application",
        "filters.0.names": ["koji", ""],
        "destinations": ["email"],
    }
    return fields | {name.replace("__", "."): value for name, value in changes.items()}


def says(answer: Response) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def inputs(answer: Response, name: str) -> list[str]:
    """Return what stands in the fields of this name."""
    fields = re.findall(r"<input[^>]*>", answer.text)
    return [
        found[1]
        for field in fields
        if f'name="{name}"' in field and (found := re.search(r'value="([^"]*)"', field))
    ]
