"""Postings: under each key the rules that it brings up, those with the same rest together.

    keys     hashes, then what is sought, sorted    under[k]  the first row of a key, and how many
    rests    of each row, or its condition          start[r]  where the slots of a row begin
    slots    of all rows, one after the other       end[r]    where they end

A row is a group, a key and a rest: what must hold besides, judged once for all its slots. Or it is
a condition that the key is part of. Compressed sparse rows, the layout of sparse matrices: no
list, no object for any rule.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmn.rules.index.hashes import FIRST_SOUGHT, Keys, Places, finder

EVERY = -1
"""The key that every message has: of 2⁶⁴ hashes -2 alone would be it, when halved."""

CONDITION = np.array(1 << 31, np.uint32)
"""What the number of a condition has more than that of a rest."""

LARGE = 500
"""Slots of a group in the mean above which they are copied as they stand: quicker than to pick."""

Numbers = NDArray[np.uint32]
Mask = NDArray[np.bool]


@dataclass(frozen=True)
class Entries:
    """One for each rule and each of its keys, and one for each key of a condition."""

    keys: Keys
    rests: Numbers
    """Of a condition its number, marked as one."""
    slots: Numbers
    """Of a condition anything."""

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


class Postings:
    """Entries, sorted so that those of a key are found at once. Never changed."""

    def __init__(self, entries: Entries, numbered: int = 0) -> None:
        """Take entries, and how many things may be sought."""
        order = np.lexsort((entries.rests, entries.keys))
        keys, rests = entries.keys[order], entries.rests[order]
        self._slots = entries.slots[order]
        others = changes(keys)
        rows = np.flatnonzero(others | changes(rests))
        self._rests = rests[rows]
        bounds = np.append(rows, len(keys)).astype(np.uint32)
        self._start, self._end = bounds[:-1], bounds[1:]
        keys = keys[others]
        first = np.append(np.flatnonzero(others[rows]), [len(rows)] * 2)  # one key more, of no row
        self._under = np.stack((first[:-1], np.diff(first)), axis=1).astype(np.uint32)
        hashes = keys.searchsorted(FIRST_SOUGHT)
        self._finder, self._sought = finder(keys[:hashes]), keys[hashes:].copy()
        self._of_number = np.full(numbered + 1, len(keys))
        self._of_number[self._sought - FIRST_SOUGHT] = np.arange(hashes, len(keys))
        self._many = np.count_nonzero(entries.rests < CONDITION)

    def __len__(self) -> int:
        """Return how many entries of rules there are."""
        return int(self._many)

    def find(self, hashes: Keys, numbers: Places) -> Places:
        """Return the place of each of these that is there; of a number at least one of no row."""
        found = self._finder.find(hashes)
        return np.concatenate((found, self._of_number.take(numbers, mode="clip")))

    def under(self, found: Places) -> tuple[Places, Numbers, Places]:
        """Return the groups under the keys at these places, their rests, and the conditions there.

        All may come twice.
        """
        starts, sizes = self._under.take(found, axis=0).T.astype(np.intp, order="C")
        rows = expanded(starts, sizes)
        rests = self._rests.take(rows)
        are_conditions = rests >= CONDITION
        conditions = (rests[are_conditions] ^ CONDITION).astype(np.intp)
        are_groups = ~are_conditions
        return rows[are_groups], rests[are_groups], conditions

    def slots(self, groups: Places) -> tuple[Numbers, Places]:
        """Return the slots of these groups, one group after the other, and where each begins."""
        starts = self._start.take(groups).astype(np.intp)
        sizes = self._end.take(groups) - starts
        first = np.add.accumulate(sizes) - sizes
        if len(groups) and first[-1] + sizes[-1] > LARGE * len(groups):
            pairs = zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
            return np.concatenate([self._slots[start:end] for start, end in pairs]), first
        return self._slots.take(expanded(starts, sizes)), first

    @property
    def entries(self) -> Entries:
        """The entries of rules again, in the order of their keys."""
        sizes = self._end - self._start
        keys = np.concatenate((self._finder.hashes, self._sought))
        keys = np.repeat(keys, self._under[:-1, 1])
        every = Entries(np.repeat(keys, sizes), np.repeat(self._rests, sizes), self._slots)
        return every.where(every.rests < CONDITION)


def expanded(starts: Places, sizes: Places) -> Places:
    """Return as many places from each start as its size is."""
    upto = np.add.accumulate(sizes)
    places: Places = np.arange(upto[-1] if len(upto) else 0)
    places += (starts + sizes - upto).repeat(sizes)
    return places


def changes(column: NDArray[Any]) -> Mask:
    """Tell where another value begins than the one before; the first always does."""
    new = np.empty(len(column), bool)
    new[:1] = True
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new
