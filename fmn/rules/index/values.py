"""Which of many values, beginnings and limits the values at one path of a body have."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from fmn.rules.json_value import identity, is_number
from fmn.rules.sought import Begins, Equal, Exists, Limit

InBody = Equal | Begins | Limit | Exists
Number = int | Decimal
Places = NDArray[np.uint32]


class Values:
    """Finds what of all that is sought at one path the values there have."""

    def __init__(self, sought: Iterable[tuple[int, InBody]]) -> None:
        self._exists: list[int] = []
        self._equal = defaultdict[str, list[int]](list)
        self._begins = defaultdict[str, list[int]](list)
        limits: dict[bool, list[tuple[Number, int]]] = {True: [], False: []}
        for place, each in sought:
            match each:
                case Exists():
                    self._exists.append(place)
                case Equal():
                    self._equal[each.value].append(place)
                case Begins():
                    self._begins[each.prefix].append(place)
                case Limit():
                    limits[each.is_least].append((each.number, place))
        self._lengths = sorted(set(map(len, self._begins)))
        self._with_parts = any(value.startswith(("[", "{")) for value in self._equal)
        self._least, self._most = _Limits(limits[True]), _Limits(limits[False])

    def found(self, values: Sequence[object]) -> tuple[list[int], list[Places]]:
        """Return the places of what some values, at least one, have; those of limits by array."""
        places = self._exists.copy()
        if self._equal:
            for known in set(map(identity, filter(self._may_be_equal, values))):
                places += self._equal.get(known, ())
        if self._begins:
            texts = (value for value in values if isinstance(value, str))
            for start in {start for text in texts for start in self._starts(text)}:
                places += self._begins.get(start, ())
        return places, self._reached(values)

    def _may_be_equal(self, value: object) -> bool:
        # What a large list or object is equal to takes long to tell, and few ask for one.
        return self._with_parts or not isinstance(value, list | dict)

    def _starts(self, text: str) -> list[str]:
        return [text[:length] for length in self._lengths[: bisect_right(self._lengths, len(text))]]

    def _reached(self, values: Sequence[object]) -> list[Places]:
        if not (self._least or self._most):
            return []
        numbers = [value for value in values if is_number(value)]
        if not numbers:
            return []
        return [self._least.up_to(max(numbers)), self._most.down_to(min(numbers))]


class _Limits:
    def __init__(self, sought: list[tuple[Number, int]]) -> None:
        ordered = sorted(sought)
        self._numbers = [number for number, _ in ordered]
        self._places = np.array([place for _, place in ordered], np.uint32)

    def __len__(self) -> int:
        return len(self._numbers)

    def up_to(self, number: Number) -> Places:
        return self._places[: bisect_right(self._numbers, number)]

    def down_to(self, number: Number) -> Places:
        return self._places[bisect_left(self._numbers, number) :]
