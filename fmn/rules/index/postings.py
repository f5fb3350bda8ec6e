"""Postings: under each key the rules that it brings up, those with the same rest together.

    keys     sorted                     first[k]  the first group of a key
    rests    of each group              start[g]  the first slot of a group
    slots    of all groups, one after the other, ascending within a group

A group is a key and a rest: what must hold besides, asked once for all its slots. Compressed
sparse rows, the layout of sparse matrices: no list, no object for any rule.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVERY = -1
"""The key that every message has: no hash of Python's is -1."""

CONDITIONS = 0xFFFF_FFFF
"""The rest under which stand no slots of rules but the conditions that a key is part of."""

Keys = NDArray[np.int64]
Numbers = NDArray[np.uint32]
Places = NDArray[Any]


@dataclass(frozen=True)
class Entries:
    """One row for each rule and each of its keys."""

    keys: Keys
    rests: Numbers
    slots: Numbers

    def __add__(self, other: "Entries") -> "Entries":
        """Return both."""
        return Entries(
            np.concatenate((self.keys, other.keys)),
            np.concatenate((self.rests, other.rests)),
            np.concatenate((self.slots, other.slots)),
        )

    @classmethod
    def none(cls) -> "Entries":
        """Return no entry."""
        return cls(np.empty(0, np.int64), np.empty(0, np.uint32), np.empty(0, np.uint32))

    def where(self, kept: NDArray[np.bool]) -> "Entries":
        """Return some of them."""
        return Entries(self.keys[kept], self.rests[kept], self.slots[kept])


class Postings:
    """Entries, sorted so that those of a key are found at once. Never changed."""

    def __init__(self, entries: Entries, numbered: int = 0) -> None:
        """Take entries; keys below `numbered` are no hashes but numbers of what is sought."""
        self._many = numbered
        order = np.lexsort((entries.slots, entries.rests, entries.keys))
        keys, rests = entries.keys[order], entries.rests[order]
        self._slots = entries.slots[order]
        new_key = _begins(keys)
        new_group = new_key | _begins(rests)
        starts = np.flatnonzero(new_group)
        self._keys = keys[new_key]
        self._rests = rests[starts]
        self._start = _bounds(starts, len(keys))
        self._first = _bounds(np.flatnonzero(new_key[starts]), len(starts))

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._slots)

    def groups(self, keys: Keys, numbers: Numbers) -> Places:
        """Return every group under these keys, and under those of these small numbers."""
        found = self._keys.searchsorted(keys)
        found[found == len(self._keys)] = 0
        found = found[self._keys[found] == keys] if len(self._keys) else found[:0]
        if len(numbers):
            there = self._numbered[numbers[numbers < len(self._numbered)]]
            found = np.concatenate((found, there[there >= 0]))
        return expanded(self._first[found], self._first[found + 1])

    def rests(self, groups: Places) -> Numbers:
        """Return the rest of each group."""
        return self._rests[groups]

    def slots(self, groups: Places) -> Numbers:
        """Return the slots of all these groups, one group after the other."""
        if len(groups) == 1:
            return self._slots[self._start[groups[0]] : self._start[groups[0] + 1]]
        return self._slots[expanded(self._start[groups], self._start[groups + 1])]

    @property
    def entries(self) -> Entries:
        """All entries again, in the order of their keys, without those of conditions."""
        sizes = np.diff(self._start)
        of_group = np.repeat(self._keys, np.diff(self._first))
        rests = np.repeat(self._rests, sizes)
        every = Entries(np.repeat(of_group, sizes), rests, self._slots)
        return every.where(rests != CONDITIONS)

    @cached_property
    def _numbered(self) -> NDArray[np.int64]:
        """Small number → its place among the keys, or -1."""
        low, high = self._keys.searchsorted((0, self._many))
        places = np.full(self._many, -1)
        places[self._keys[low:high]] = np.arange(low, high)
        return places


def expanded(starts: Places, ends: Places) -> Places:
    """Return every place from each start to before its end."""
    if len(starts) == 1:
        return np.arange(starts[0], ends[0])
    sizes = (ends - starts).astype(np.intp)
    upto = sizes.cumsum()
    total = int(upto[-1]) if len(upto) else 0
    places: Places = np.arange(total) + (starts + sizes - upto).repeat(sizes)
    return places


def _begins(column: NDArray[Any]) -> NDArray[np.bool]:
    new = np.empty(len(column), bool)
    new[:1] = True
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new


def _bounds(starts: Places, end: int) -> NDArray[np.uint32]:
    return np.append(starts, end).astype(np.uint32)
