"""Which of many values, beginnings and limits the values at one path of a body have."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from fmn.rules.index.hashes import Places
from fmn.rules.json_value import identity
from fmn.rules.sought import Begins, Equal, Exists, Limit

InBody = Equal | Begins | Limit | Exists
Number = int | Decimal
MARKS: dict[type, str] = {str: '"', list: "[", dict: "{"}
"""How the identities of values of these types begin; of all others it does not matter."""


class Found:
    """What is found so far."""

    __slots__ = ("places", "ranges")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.ranges: list[Places] = []
        """More places, where they are many at once."""


class Asked(Protocol):
    """What is sought of one sort at one path."""

    def find(self, values: Sequence[object], found: Found) -> None:
        """Add what the values have, of which there is at least one; nothing twice."""


def asked(sought: Sequence[tuple[int, InBody]]) -> list[Asked]:
    """Return who finds all that is sought at one path, by its sorts."""
    sorts = defaultdict[type, list[tuple[int, Any]]](list)
    for place, each in sought:
        side = _Most if isinstance(each, Limit) and not each.is_least else SORTS[type(each)]
        sorts[side].append((place, each))
    return [sort(alike) for sort, alike in sorts.items()]


class _Exists:
    def __init__(self, sought: Sequence[tuple[int, Exists]]) -> None:
        self._places = [place for place, _ in sought]

    def find(self, values: Sequence[object], found: Found) -> None:  # noqa: ARG002
        found.places += self._places


class _Equal:
    def __init__(self, sought: Sequence[tuple[int, Equal]]) -> None:
        self._places = _alike((each.value, place) for place, each in sought)
        marks = set(MARKS.values())
        self._marks = {value[:1] if value[:1] in marks else "" for value in self._places}

    def find(self, values: Sequence[object], found: Found) -> None:
        # What a large list or object is equal to takes long to tell, and few ask for one.
        marks = self._marks
        for each in {identity(value) for value in values if MARKS.get(type(value), "") in marks}:
            if places := self._places.get(each):
                found.places += places


class _Begins:
    def __init__(self, sought: Sequence[tuple[int, Begins]]) -> None:
        self._places = _alike((each.prefix, place) for place, each in sought)
        self._lengths = sorted(set(map(len, self._places)))

    def find(self, values: Sequence[object], found: Found) -> None:
        starts = {start for text in values if isinstance(text, str) for start in self._of(text)}
        for each in starts:
            found.places += self._places[each]

    def _of(self, text: str) -> list[str]:
        lengths = self._lengths[: bisect_right(self._lengths, len(text))]
        return [start for length in lengths if (start := text[:length]) in self._places]


class _Limits:
    def __init__(self, sought: Sequence[tuple[int, Limit]]) -> None:
        ordered = sorted((each.number, place) for place, each in sought)
        self._numbers = [number for number, _ in ordered]
        self._places = np.array([place for _, place in ordered], np.intp)


class _Least(_Limits):
    def find(self, values: Sequence[object], found: Found) -> None:
        numbers = _numbers(values)
        if numbers and (end := bisect_right(self._numbers, max(numbers))):
            found.ranges.append(self._places[:end])


class _Most(_Limits):
    def find(self, values: Sequence[object], found: Found) -> None:
        numbers = _numbers(values)
        if numbers and (start := bisect_left(self._numbers, min(numbers))) < len(self._numbers):
            found.ranges.append(self._places[start:])


SORTS: dict[type, Any] = {Exists: _Exists, Equal: _Equal, Begins: _Begins, Limit: _Least}


def _numbers(values: Sequence[object]) -> list[Any]:
    return [value for value in values if type(value) is int or type(value) is Decimal]


def _alike(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    places = dict[str, tuple[int, ...]]()
    for text, place in pairs:
        places[text] = (*places.get(text, ()), place)
    return places
