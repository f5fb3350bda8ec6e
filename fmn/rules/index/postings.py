"""Postings: under each key the rules that it brings up, those with the same rest together.

    keys        sorted
    first[k]    the first group of a key, and its first condition
    rests[g]    of a group                  start[g]  the first slot of a group
    slots       of all groups, one after the other, ascending within a group
    conditions  that keys are part of, those of a key one after the other

A group is a key and a rest: what must hold besides, judged once for all its slots. Compressed
sparse rows, the layout of sparse matrices: no list, no object for any rule.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmn.rules.index.directory import Directory, Keys

EVERY = -1
"""The key that every message has: no hash of Python's is -1."""

LARGE = 500
"""Slots of a group in the mean above which they are copied as they stand: quicker than to pick."""

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

    def __init__(self, entries: Entries, parts: Parts) -> None:
        """Take rules and conditions."""
        # Not numpy's `unique`: it holds the interpreter for as long as it takes.
        every = np.sort(np.concatenate((entries.keys, parts.keys)))
        self._directory = Directory(every[changes(every)])
        order = np.lexsort((entries.slots, entries.rests, entries.keys))
        keys, rests = entries.keys[order], entries.rests[order]
        self._slots = entries.slots[order]
        starts = np.flatnonzero(changes(keys) | changes(rests))
        self._rests = rests[starts]
        bounds = np.append(starts, len(keys)).astype(np.uint32)
        self._start, self._end = bounds[:-1], bounds[1:]
        order = np.argsort(parts.keys, kind="stable")
        self._conditions = parts.conditions[order]
        first = self._bounds(keys[starts]), self._bounds(parts.keys[order])
        self._first: Numbers = np.stack(first, axis=1)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._slots)

    def find(self, keys: Keys) -> Places:
        """Return the place of each of these keys that is there."""
        return self._directory.find(keys)

    def under(self, found: Places) -> tuple[Places, Places]:
        """Return every group under the keys at these places, and every condition they are part of.

        Both may come twice.
        """
        if not len(found):
            return found, found
        starts = self._first.take(found, axis=0).T.astype(np.intp).ravel()
        sizes = self._first.take(found + 1, axis=0).T.ravel() - starts
        upto = np.add.accumulate(sizes)
        every, groups = expanded(starts, sizes, upto), upto[len(found) - 1]
        return every[:groups], self._conditions.take(every[groups:]).astype(np.intp)

    def rests(self, groups: Places) -> Numbers:
        """Return the rest of each group."""
        return self._rests.take(groups)

    def slots(self, groups: Places) -> tuple[Numbers, Places]:
        """Return the slots of these groups, one group after the other, and where each begins."""
        starts = self._start.take(groups).astype(np.intp)
        sizes = self._end.take(groups) - starts
        upto = np.add.accumulate(sizes)
        if len(groups) and upto[-1] > LARGE * len(groups):
            pairs = zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
            return np.concatenate([self._slots[start:end] for start, end in pairs]), upto - sizes
        return self._slots.take(expanded(starts, sizes, upto)), upto - sizes

    @property
    def entries(self) -> Entries:
        """All entries again, in the order of their keys."""
        sizes = self._end - self._start
        of_group = np.repeat(self._directory.keys, np.diff(self._first[:, 0]))
        return Entries(np.repeat(of_group, sizes), np.repeat(self._rests, sizes), self._slots)

    def _bounds(self, rows: Keys) -> Numbers:
        """Return where the rows of each key begin in these sorted ones, and where they end."""
        return np.append(rows.searchsorted(self._directory.keys), len(rows)).astype(np.uint32)


def expanded(starts: Places, sizes: Places, upto: Places) -> Places:
    """Return as many places from each start as its size is; `upto` are the sums of sizes."""
    places: Places = np.arange(upto[-1] if len(upto) else 0)
    places += (starts + sizes - upto).repeat(sizes)
    return places


def changes(column: NDArray[Any]) -> Mask:
    """Tell where another value begins than the one before; the first always does."""
    new = np.empty(len(column), bool)
    new[:1] = True
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new
