"""Which of many regular expressions are found in a text, where nothing else tells them apart."""

from collections.abc import Iterator, Sequence
from typing import Any

import re2

from fmn.model import Message
from fmn.rules.sought import Expression

SIZE = 500
"""Expressions in one set: each place in a text costs a new set as much as it has expressions."""
MEMORY = 8 * 1024 * 1024
"""Bytes for one set and for what it learns while it searches."""

Sought = Sequence[tuple[int, Expression]]


class RegexSets:
    """Finds which of many regular expressions a message has, many in one pass."""

    def __init__(self, sought: Sought, *, size: int = SIZE, memory: int = MEMORY) -> None:
        starts = range(0, len(sought), size)
        self._sets = [
            each for at in starts for each in _sets(sought[at : at + size], _options(memory))
        ]

    def found(self, message: Message, texts: Sequence[bytes]) -> set[int]:
        """Return the places of those found in its texts, encoded as RE2 reads them."""
        found: set[int] = set()
        for each in self._sets:
            found.update(each.found(message, texts))
        return found


class _Set:
    # A set that runs out of memory in the middle of a text says that it found nothing, and nothing
    # else. So each also holds an expression that is found in every text: where that one is missing
    # the others are asked one by one. One that does not compile must never be asked: RE2 crashes.

    def __init__(self, sought: Sought, options: Any) -> None:  # noqa: ANN401  # RE2 has no types
        self._sought = sought
        self._set = re2.Set.SearchSet(options)
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


def _sets(sought: Sought, options: Any) -> Iterator[_Set | _Single]:  # noqa: ANN401
    try:
        yield _Set(sought, options)
    except re2.error:
        # It is too large, or one was saved by another RE2: the halves show which.
        half = len(sought) // 2
        if half:
            yield from _sets(sought[:half], options)
            yield from _sets(sought[half:], options)
        else:
            yield _Single(sought)


def _options(memory: int) -> Any:  # noqa: ANN401
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = memory
    return options
