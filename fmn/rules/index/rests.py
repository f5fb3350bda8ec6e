"""Rests: what must hold besides the key that brought a rule up, shared by all rules that say so.

A filter that asks nothing of the rule's user is a condition, judged once for each message. One
that does, and whose keys say all of it, is answered for all users of a group at once. Only a
filter that nobody knows about is asked for each user.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from fmn.rules.access import Cover, Key, Own, Sought
from fmn.rules.filter import Filter
from fmn.rules.index.column import Column
from fmn.rules.index.conditions import Conditions, Mask
from fmn.rules.index.postings import Entries, Numbers, expanded

NONE = 0
"""The rest of which nothing is left, and what of a rest is nothing beyond its conditions."""
KEPT = 20_000
"""Rests whose conditions are known by heart."""

Said = tuple[tuple[frozenset[int], bool], ...]
"""Conditions: the keys of each, and whether it is negated."""


@dataclass(frozen=True, slots=True)
class Personal:
    """A filter whose answer is known for all users at once: by its keys."""

    keys: frozenset[Key]
    own: tuple[Own, ...]
    negate: bool


@dataclass(frozen=True, slots=True)
class Beyond:
    """What of a rest is no condition."""

    common: tuple[Filter, ...] = ()
    """Asked once, for everybody."""
    personal: tuple[Personal, ...] = ()
    solitary: tuple[Filter, ...] = ()
    """Asked for each user."""


class Rests:
    """All rests there are; equal ones are one. `number` gives what is sought its number."""

    def __init__(self, number: Callable[[Sought], int]) -> None:
        self._sought = number
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._conditions = Conditions()
        self._parts, self._start = Column(np.uint32), Column(np.uint32)
        self._start.append(0)
        self._beyonds: dict[Beyond, int] = {}
        self._beyond = Column(np.uint32)
        self._known: dict[int, Said] = {}
        self.number(())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._beyond)

    def number(self, filters: Iterable[Filter]) -> int:
        """Return the number of the rest that these filters are."""
        parts, said = self._sorted(dict.fromkeys(filters))
        row = np.array(sorted(parts), np.uint32)
        beyond = self._beyonds.setdefault(said, len(self._beyonds))
        number = self._numbers.setdefault((beyond, row.tobytes()), len(self))
        if number == len(self):
            self._parts.extend(row, len(row))
            self._start.append(len(self._parts))
            self._beyond.append(beyond)
        return number

    def key(self, key: Key | Sought) -> int:
        """Return a key as a number, as postings have it."""
        return hash(key) if isinstance(key, Key) else self._sought(key)

    def beyond(self, rests: Numbers) -> Numbers:
        """Return, as numbers, what of each rest is no condition; NONE: nothing."""
        beyond: Numbers = self._beyond[rests]
        return beyond

    def filters(self, beyond: int) -> Beyond:
        """Return what is no condition."""
        return next(islice(self._beyonds, beyond, None))

    def conditions(self, rest: int) -> Said:
        """Return the conditions of one rest."""
        said = self._known.get(rest)
        if said is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            parts = self._parts[self._start[rest] : self._start[rest + 1]].tolist()
            said = self._known[rest] = tuple(map(self._conditions.condition, parts))
        return said

    @property
    def entries(self) -> Entries:
        """The conditions of all rests, to be filed beside the rules."""
        return self._conditions.entries

    def judged(self, present: Numbers, rests: Numbers) -> Mask:
        """Tell of which rests the conditions hold, where of these a key is present."""
        holds = np.ones(len(rests), bool)
        starts, ends = self._start[rests], self._start[rests + 1]
        some = np.flatnonzero(starts < ends)
        if len(some):
            starts, ends = starts[some], ends[some]
            sizes = (ends - starts).astype(np.intp)
            said = self._conditions.judged(present, self._parts[expanded(starts, ends)])
            holds[some] = np.logical_and.reduceat(said, sizes.cumsum() - sizes)
        return holds

    def _sorted(self, filters: Iterable[Filter]) -> tuple[set[int], Beyond]:
        parts = set[int]()
        common, personal, solitary = list[Filter](), list[Personal](), list[Filter]()
        for each in filters:
            cover = each.keys()
            if cover and not cover.is_personal and cover.exact:
                keys = map(self.key, cover.keys)
                parts.add(self._conditions.number(set(keys), negate=each.negate))
            elif cover and not cover.is_personal:
                common.append(each)
            elif cover and cover.exact and all(isinstance(key, Key | Own) for key in cover.keys):
                personal.append(_personal(cover, negate=each.negate))
            else:
                solitary.append(each)
        return parts, Beyond(tuple(common), tuple(personal), tuple(solitary))


def _personal(cover: Cover, *, negate: bool) -> Personal:
    own = sorted((key for key in cover.keys if isinstance(key, Own)), key=str)
    return Personal(frozenset(k for k in cover.keys if isinstance(k, Key)), tuple(own), negate)
