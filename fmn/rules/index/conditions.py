"""Conditions: shared filters as their keys say them: a message has one of these, or has none.

Equal ones are one, however many rules have them. No object stays for any of them: a million users
make a hundred thousand.

    keys     of all conditions, one after the other
    start[c] the first key of a condition
"""

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fmn.rules.index.column import Column
from fmn.rules.index.postings import Entries, Keys, Numbers, Postings

Mask = NDArray[np.bool]


class Conditions:
    """All conditions there are, by number."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._keys, self._start = Column(np.int64), Column(np.uint32)
        self._start.append(0)
        self._negate = Column(bool)
        self._postings, self._sealed = Postings(Entries.none()), 0
        self._on = np.zeros(0, bool)

    def number(self, keys: Collection[int], *, negate: bool) -> int:
        """Return the number of the condition that a message has one of these keys, or none."""
        row = np.array(sorted(keys), np.int64)
        number = self._numbers.setdefault(bytes([negate]) + row.tobytes(), len(self._negate))
        if number == len(self._negate):
            self._keys.extend(row, len(row))
            self._start.append(len(self._keys))
            self._negate.append(negate)
        return number

    def condition(self, number: int) -> tuple[frozenset[int], bool]:
        """Return the keys of a condition, and whether it is negated."""
        keys = self._keys[self._start[number] : self._start[number + 1]]
        return frozenset(keys.tolist()), bool(self._negate[number])

    def seal(self, numbered: int) -> Callable[[], None]:
        """Return what lets all conditions of now be judged at once; for any thread.

        Keys below `numbered` are numbers of what is sought.
        """
        return partial(self._seal, numbered, len(self._negate), self._keys.all, self._start.all)

    def _seal(self, numbered: int, many: int, keys: Keys, start: Numbers) -> None:
        of = np.repeat(np.arange(many, dtype=np.uint32), np.diff(start[: many + 1]))
        entries = Entries(keys[: len(of)], np.zeros(len(of), np.uint32), of)
        self._postings, self._sealed = Postings(entries, numbered), many

    @property
    def sealed(self) -> int:
        """Return the number of the first condition that cannot be judged with others."""
        return self._sealed

    def judge(self, keys: Keys, numbers: Numbers, conditions: Numbers) -> Mask:
        """Tell which of these conditions hold for a message with these keys and things sought."""
        postings = self._postings
        there = postings.slots(postings.groups(keys, numbers))
        on = np.zeros(len(self._negate), bool)
        on[there] = True
        holds: Mask = on[conditions] ^ self._negate[conditions]
        return holds
