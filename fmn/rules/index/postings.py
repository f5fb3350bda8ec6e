"""Postings: under each key the rules that it brings up, those with the same rest together.

    keys     sorted                     first[k]  the first group of a key
    rests    of each group              start[g]  the first slot of a group
    slots    of all groups, one after the other, ascending within a group
    beside   conditions that a key is part of; of[k] is the first of a key

A group is a key and a rest: what must hold besides, judged once for all its slots. Compressed
sparse rows, the layout of sparse matrices: no list, no object for any rule.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVERY = -1
"""The key that every message has: no hash of Python's is -1."""

LAST = np.iinfo(np.int64).max
"""A key that stands for none, behind all others: whatever is looked up has a place."""

LARGE = 1_000
"""Slots of a group that are copied as they stand, which is quicker than to pick each."""

Keys = NDArray[np.int64]
Numbers = NDArray[np.uint32]
Places = NDArray[Any]
Mask = NDArray[np.bool]


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

    def where(self, kept: Mask) -> "Entries":
        """Return some of them."""
        return Entries(self.keys[kept], self.rests[kept], self.slots[kept])


@dataclass(frozen=True)
class Parts:
    """One row for each condition and each of its keys."""

    keys: Keys
    conditions: Numbers

    @classmethod
    def none(cls) -> "Parts":
        """Return no row."""
        return cls(np.empty(0, np.int64), np.empty(0, np.uint32))


class Postings:
    """Entries, sorted so that those of a key are found at once. Never changed."""

    def __init__(self, entries: Entries, parts: Parts, numbered: int = 0) -> None:
        """Take rules and conditions; keys below `numbered` are numbers of what is sought."""
        # Not numpy's `unique`: it holds the interpreter for as long as it takes.
        every = np.sort(np.concatenate((entries.keys, parts.keys, (LAST,))))
        self._keys = every[changes(every)]
        order = np.lexsort((entries.slots, entries.rests, entries.keys))
        keys, rests = entries.keys[order], entries.rests[order]
        self._slots = entries.slots[order]
        starts = np.flatnonzero(changes(keys) | changes(rests))
        self._rests = rests[starts]
        self._start = np.append(starts, len(keys)).astype(np.uint32)
        self._first = self._bounds(keys[starts])
        order = np.argsort(parts.keys, kind="stable")
        self._beside = parts.conditions[order]
        self._of = self._bounds(parts.keys[order])
        self._numbered = self._small(numbered)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._slots)

    def find(self, keys: Keys, numbers: Numbers) -> Places:
        """Return the place of each of these keys that is there, and of these small numbers."""
        found = self._keys.searchsorted(keys)
        found = found[self._keys[found] == keys]
        if len(numbers):
            there = self._numbered.take(numbers, mode="clip")
            found = np.concatenate((found, there[there >= 0]))
        return found

    def groups(self, found: Places) -> Places:
        """Return every group under the keys at these places."""
        return expanded(self._first[found], self._first[found + 1])

    def conditions(self, found: Places) -> Numbers:
        """Return every condition that the keys at these places are part of."""
        return self._beside[expanded(self._of[found], self._of[found + 1])]

    def rests(self, groups: Places) -> Numbers:
        """Return the rest of each group."""
        return self._rests[groups]

    def slots(self, groups: Places) -> Numbers:
        """Return the slots of these groups, one group after the other."""
        starts, ends = self._start[groups], self._start[groups + 1]
        if len(groups) and (ends - starts).max() > LARGE:
            pairs = zip(starts.tolist(), ends.tolist(), strict=True)
            return np.concatenate([self._slots[start:end] for start, end in pairs])
        return self._slots[expanded(starts, ends)]

    @property
    def entries(self) -> Entries:
        """All entries again, in the order of their keys."""
        sizes = np.diff(self._start)
        of_group = np.repeat(self._keys, np.diff(self._first))
        return Entries(np.repeat(of_group, sizes), np.repeat(self._rests, sizes), self._slots)

    def _bounds(self, rows: Keys) -> Numbers:
        """Return where the rows of each key begin in these sorted ones, and where they end."""
        return np.append(rows.searchsorted(self._keys), len(rows)).astype(np.uint32)

    def _small(self, many: int) -> NDArray[np.int64]:
        """Return small number → its place among the keys, or -1; one more, which is none."""
        low, high = self._keys.searchsorted((0, many))
        places = np.full(many + 1, -1)
        places[self._keys[low:high]] = np.arange(low, high)
        return places


def expanded(starts: Places, ends: Places) -> Places:
    """Return every place from each start to before its end."""
    sizes = (ends - starts).astype(np.intp)
    upto = sizes.cumsum()
    total = int(upto[-1]) if len(upto) else 0
    places: Places = np.arange(total)
    places += (starts + sizes - upto).repeat(sizes)
    return places


def changes(column: NDArray[Any]) -> Mask:
    """Tell where another value begins than the one before; the first always does."""
    new = np.empty(len(column), bool)
    new[:1] = True
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new
