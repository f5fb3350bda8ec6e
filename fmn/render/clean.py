"""Text from strangers, made harmless and short."""

import re
from collections.abc import Collection
from typing import Any

LINE = 1000
"""Characters that are left of anything that is one line."""
TEXT = 100_000
"""Characters that are left of long texts, of all messages in one content together."""
SUBJECT = 250
"""Characters that are left of a subject."""

UNSEEN = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # bidirectional overrides and isolates
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
BREAK = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def line(text: str, limit: int = LINE) -> str:
    """Return the text as one clean line of at most `limit` characters."""
    clean = " ".join(CONTROL.sub(" ", UNSEEN.sub("", text)).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def lines(text: str) -> str:
    """Return the text with its lines and indentation, and nothing unseen in it."""
    clean = (CONTROL.sub(" ", part.expandtabs()) for part in BREAK.split(UNSEEN.sub("", text)))
    return "\n".join(part.rstrip() for part in clean).strip("\n")


def listed(values: Collection[str], limit: int = 20) -> str:
    """Return the values joined by commas; of very many the first, and how many more."""
    shown = ", ".join(list(values)[:limit])
    more = len(values) - limit
    return f"{shown} and {more:,} more" if more > 0 else shown


def cut(text: str, room: int) -> str:
    """Return at most `room` characters of the text; where that is not all, it says so."""
    if len(text) <= room:
        return text
    return f"{text[:room].rstrip()}\n\n(Cut here: {len(text):,} characters in all.)"


def cleaned(value: Any) -> Any:  # noqa: ANN401  # JSON is what it is
    """Return values of JSON with each text in them one clean line. May raise RecursionError."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, list):
        return [cleaned(element) for element in value]
    if isinstance(value, dict):
        return {line(name): cleaned(element) for name, element in value.items()}
    return value


def ordered(names: Collection[str]) -> tuple[str, ...]:
    """Return the names clean and sorted; those of which nothing is left are left out."""
    return tuple(sorted(clean for clean in map(line, names) if clean))
