"""Which of many regular expressions are found in a text, where nothing else tells them apart."""

from collections.abc import Iterator, Sequence
from typing import Any

import re2

from fmn.model import Message
from fmn.rules.regexes import ROOM
from fmn.rules.sought import Expression

SIZE = 500
"""Expressions in one set: each place in a text costs a new set as much as it has expressions."""
MEMORY = 8 * 1024 * 1024
"""Bytes for the largest set and for what it learns while it searches."""
FEW = 20
"""Expressions that may be compiled when a message first needs them."""

Sought = Sequence[tuple[int, Expression]]


class RegexSets:
    """Finds which of many regular expressions a message has, many in one pass."""

    def __init__(self, sought: Sought, *, size: int = SIZE, memory: int = MEMORY) -> None:
        self._sought = sought
        self._size = size
        self._memory = memory
        # Of ten thousand expressions most are never needed, and each takes its memory.
        self._sets = [] if len(sought) <= FEW else self._compiled()

    def found(self, message: Message, texts: Sequence[bytes]) -> set[int]:
        """Return the places of those found in its texts, encoded as RE2 reads them."""
        self._sets = self._sets or self._compiled()
        return set().union(*(each.found(message, texts) for each in self._sets))

    def _compiled(self) -> list["_Set | _Single"]:
        starts = range(0, len(self._sought), self._size)
        parts = (self._sought[at : at + self._size] for at in starts)
        return [each for part in parts for each in _sets(part, self._memory)]


class _Set:
    # A set that runs out of memory in the middle of a text says that it found nothing, and nothing
    # else. So each also holds an expression that is found in every text: where that one is missing
    # the others are asked one by one. One that does not compile must never be asked: RE2 crashes.

    def __init__(self, sought: Sought, memory: int) -> None:
        self._sought = sought
        self._set = re2.Set.SearchSet(_options(memory))
        self._places = {self._set.Add(expression.regex): place for place, expression in sought}
        self._always = self._set.Add("")
        self._set.Compile()

    def found(self, message: Message, texts: Sequence[bytes]) -> set[int]:
        found: set[int] = set()
        for text in texts:
            numbers = self._set.Match(text) or ()
            if self._always not in numbers:
                return {place for place, each in self._sought if each.fits(message)}
            found.update(self._places[number] for number in numbers if number != self._always)
        return found


class _Single:
    def __init__(self, sought: Sought) -> None:
        self._sought = sought

    def found(self, message: Message, texts: Sequence[bytes]) -> set[int]:  # noqa: ARG002
        return {place for place, expression in self._sought if expression.fits(message)}


def _sets(sought: Sought, memory: int) -> Iterator[_Set | _Single]:
    try:
        yield _Set(sought, min(memory, ROOM * len(sought)))
    except re2.error:
        # It is too large, or one was saved by another RE2: the halves show which.
        half = len(sought) // 2
        if half:
            yield from _sets(sought[:half], memory)
            yield from _sets(sought[half:], memory)
        else:
            yield _Single(sought)


def _options(memory: int) -> Any:  # noqa: ANN401  # RE2 has no types
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = memory
    return options
