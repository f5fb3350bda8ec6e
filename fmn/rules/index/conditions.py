"""Conditions: shared filters as their keys say them: a message has one of these, or has none.

Equal ones are one, however many rules have them: a million users make thousands. Of each only
numbers stay, and one string of bytes.

    keys     of all conditions, one after the other
    start[c] the first key of a condition
"""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fmn.rules.index.column import Column
from fmn.rules.index.hashes import Places
from fmn.rules.index.postings import CONDITION, Entries, Mask, Numbers

ALWAYS = 0
"""The condition that holds for every message: it has none of no keys."""
KEPT = 5_000
"""Conditions that are known by heart."""


class Condition(NamedTuple):
    """That a message has one of these keys; negated, that it has none."""

    keys: frozenset[int]
    negate: bool


class Conditions:
    """All conditions there are, by number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._keys, self._start = Column(np.int64), Column(np.uint32)
        self._start.append(0)
        self._negate = Column(bool)
        self._known: dict[int, Condition] = {}
        self.number((), negate=True)  # ALWAYS

    def number(self, keys: Iterable[int], *, negate: bool) -> int:
        """Return the number of the condition that a message has one of these keys, or none."""
        row = array("q", sorted({*keys}))
        number = self._numbers.setdefault(bytes([negate]) + row.tobytes(), len(self._negate))
        if number == len(self._negate):
            self._keys.extend(row, len(row))
            self._start.append(len(self._keys))
            self._negate.append(negate)
        return number

    def condition(self, number: int) -> Condition:
        """Return one of them."""
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            keys = self._keys[self._start[number] : self._start[number + 1]]
            known = Condition(frozenset(keys.tolist()), bool(self._negate[number]))
            self._known[number] = known
        return known

    @property
    def entries(self) -> Entries:
        """All conditions, to be filed with the rules."""
        numbers = np.arange(len(self._negate), dtype=np.uint32) | CONDITION
        of = np.repeat(numbers, np.diff(self._start.all))
        return Entries(self._keys.all, of, np.zeros_like(of))

    def judged(self, present: Places, numbers: Numbers) -> Mask:
        """Tell which of these hold, where of those present a key is there and of no others."""
        holds = self._negate.all.copy()
        holds[present] = ~holds[present]
        judged: Mask = holds.take(numbers)
        return judged
