"""What goes over the wire of IRC: lines of at most 512 bytes, and not too many at once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""A line end begins a command of its own, other control characters are commands to clients,
and halves of characters have no encoding."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the server wrote it."""

    source: str
    """`nick!user@host` or the name of a server; may be empty."""
    command: str
    """A word, or a number of three digits."""
    arguments: tuple[str, ...]

    @property
    def nick(self) -> str:
        return self.source.partition("!")[0]

    @property
    def last(self) -> str:
        return self.at(-1)

    def at(self, index: int) -> str:
        """Return an argument; empty where the server left it out."""
        try:
            return self.arguments[index]
        except IndexError:
            return ""


def parse(text: str) -> Line:
    """Read a line; from nonsense comes a line that means nothing."""
    head, colon, last = text.rstrip("\r\n").partition(" :")
    words = head.split()
    source = words.pop(0)[1:] if head.startswith(":") else ""
    command = words.pop(0).upper() if words else ""
    return Line(source, command, (*words, last) if colon else tuple(words))


def clean(text: str) -> str:
    """Return the text without anything that could be more than text."""
    return CONTROL.sub(" ", text)


def pieces(text: str, room: int) -> Iterator[str]:
    """Yield the text in pieces of at most `room` bytes, cut at spaces where there are any.

    A space at a cut is left out; no other character is, and none is cut in two.
    """
    while len(text.encode()) > room:
        fitting = text.encode()[: room + 1].decode(errors="ignore")
        space = fitting.rfind(" ", 1)
        cut = space if space > 0 else len(text.encode()[:room].decode(errors="ignore"))
        yield text[:cut]
        text = text[cut + 1 :] if space > 0 else text[cut:]
    if text:
        yield text


class Bucket:
    """How many lines may go: `burst` at once, and then one every `pace`."""

    def __init__(self, burst: int, pace: timedelta) -> None:
        self._pace = pace.total_seconds()
        self._credit = (burst - 1) * self._pace
        self._next = float("-inf")

    def take(self, now: float) -> float:
        """Reserve the next line; return for how many seconds it must wait."""
        start = max(self._next, now - self._credit)
        self._next = start + self._pace
        return max(0.0, start - now)
