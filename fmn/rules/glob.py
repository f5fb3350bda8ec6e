"""Globs: `*` is any run of characters, `?` is one, nothing else is special, case counts."""

import re
from collections.abc import Iterable
from functools import cached_property


def is_wild(pattern: str) -> bool:
    """Tell whether a glob may match more than itself."""
    return "*" in pattern or "?" in pattern


class Globs:
    """A list of globs. The whole value must match: dots, slashes and newlines are characters."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = set(patterns)
        wild = set(filter(is_wild, patterns))
        self._literals = patterns - wild
        self._wild = [_Glob(pattern) for pattern in wild]

    def match(self, value: str) -> bool:
        """Tell whether one of the globs matches this value."""
        return value in self._literals or any(glob.matches(value) for glob in self._wild)


class _Glob:
    # Between two `*` stands a piece of fixed length. The leftmost place of each piece is as good
    # as any other, so nothing is ever tried again: no pattern takes more than one way through.

    def __init__(self, pattern: str) -> None:
        self._pieces = [_Piece(text) for text in pattern.split("*")]

    def matches(self, value: str) -> bool:
        first, *middle = self._pieces
        if not middle:
            return first.length == len(value) and first.stands(value, 0)
        *middle, last = middle
        start, end = first.length, len(value) - last.length
        if start > end or not (first.stands(value, 0) and last.stands(value, end)):
            return False
        for piece in middle:
            found = piece.find(value, start, end)
            if found < 0:
                return False
            start = found + piece.length
        return True


class _Piece:
    def __init__(self, text: str) -> None:
        self._text = text
        self.length = len(text)

    def stands(self, value: str, at: int) -> bool:
        return self.find(value, at, at + self.length) == at

    def find(self, value: str, start: int, end: int) -> int:
        if "?" not in self._text:
            return value.find(self._text, start, end)
        found = self._regex.search(value, start, end)
        return found.start() if found else -1

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile("".join("." if c == "?" else re.escape(c) for c in self._text), re.DOTALL)
