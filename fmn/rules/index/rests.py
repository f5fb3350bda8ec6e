"""Rests: what must hold besides the key that brought a rule up, shared by all rules that say so.

A filter that asks nothing of the rule's user is a condition, judged once for each message. One
that does, and whose keys say all of it, is answered for all users of a group at once. Only a
filter that nobody knows about is asked for each user.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_

import numpy as np

from fmn.rules.access import Cover, Key, Own, Sought
from fmn.rules.filter import Filter
from fmn.rules.index.column import Column
from fmn.rules.index.conditions import ALWAYS, Condition, Conditions
from fmn.rules.index.hashes import Places, hashed
from fmn.rules.index.postings import Entries, Mask, Numbers

NONE = 0
"""The rest of which nothing is left, and what of a rest is nothing beyond its row."""
KEPT = 5_000
"""Filters that are known by heart."""

ROW = 3
"""Conditions of a rest that stand in its row; few rests have more."""


@dataclass(frozen=True, slots=True)
class Personal:
    """A filter whose answer is known for all users at once: by its keys."""

    keys: frozenset[Key]
    own: tuple[Own, ...]
    negate: bool


@dataclass(frozen=True, slots=True)
class Beyond:
    """What of a rest stands in no row."""

    further: tuple[int, ...] = ()
    """More conditions."""
    common: tuple[Filter, ...] = ()
    """Asked once, for everybody."""
    personal: tuple[Personal, ...] = ()
    solitary: tuple[Filter, ...] = ()
    """Asked for each user."""


class Rests:
    """All rests there are; equal ones are one. `key` gives what is sought its key."""

    def __init__(self, key: Callable[[Sought], int]) -> None:
        self._sought = key
        self._numbers: dict[bytes, int] = {}
        self._conditions = Conditions()
        self._rows = Column(np.uint32, ROW + 1)  # the last is what is beyond
        self._beyonds: list[Beyond] = []
        self._of_beyond: dict[tuple[object, ...], int] = {}
        self._beyond_of(Beyond())  # NONE
        self._known_parts: dict[int, tuple[Filter, int | Personal | Filter]] = {}
        self.number(())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def number(self, filters: Iterable[Filter]) -> int:
        """Return the number of the rest that these filters are."""
        conditions, said = self._parts_of(filters)
        beyond = self._beyond_of(said) if said else NONE
        row = [*conditions, *[ALWAYS] * (ROW - len(conditions)), beyond]
        number = self._numbers.setdefault(array("I", row).tobytes(), len(self))
        if number == len(self):
            self._rows.append(row)
        return number

    def forget(self) -> None:
        """Keep no filter that is a condition longer than it takes to put many."""
        self._known_parts.clear()

    def key(self, key: Key | Sought) -> int:
        """Return a key as a number, as postings have it."""
        return hashed(key) if isinstance(key, Key) else self._sought(key)

    def beyond(self, number: int) -> Beyond:
        """Return what of a rest stands in no row; `NONE` is nothing."""
        return self._beyonds[number]

    def row(self, rest: int) -> tuple[Sequence[int], int]:
        """Return the conditions in the row of one rest, and the number of what is beyond."""
        *conditions, beyond = self._rows[rest].tolist()
        return conditions, beyond

    def condition(self, number: int) -> Condition:
        """Return one condition."""
        return self._conditions.condition(number)

    @property
    def entries(self) -> Entries:
        """The conditions of all rests, to be filed with the rules."""
        return self._conditions.entries

    def judged(self, present: Places, rests: Numbers) -> tuple[Mask, Numbers]:
        """Tell of which rests the row holds, and the number of what of each is beyond.

        `present` are the conditions of which a key is there.
        """
        rows = self._rows.all.take(rests, axis=0)
        first, *others = self._conditions.judged(present, rows[:, :ROW]).T
        return reduce(and_, others, first), rows[:, ROW]

    def _beyond_of(self, said: Beyond) -> int:
        # Filters by identity: those of another package need not have a hash.
        alone = tuple(map(id, said.common)), tuple(map(id, said.solitary))
        number = self._of_beyond.setdefault(
            (said.further, said.personal, *alone), len(self._beyonds)
        )
        if number == len(self._beyonds):
            self._beyonds.append(said)
        return number

    def _parts_of(self, filters: Iterable[Filter]) -> tuple[Sequence[int], Beyond | None]:
        """Return the conditions in the row of a rest, and what stands in none, if any."""
        parts = list(map(self._part, filters))
        conditions = sorted({each for each in parts if isinstance(each, int)})
        if len(conditions) == len(parts) <= ROW:
            return conditions, None
        personal = tuple(each for each in parts if isinstance(each, Personal))
        asked = [each for each in parts if isinstance(each, Filter)]
        common = tuple(each for each in asked if each.cover and not each.cover.is_personal)
        solitary = tuple(each for each in asked if each not in common)
        return conditions[:ROW], Beyond(tuple(conditions[ROW:]), common, personal, solitary)

    def _part(self, filter_: Filter) -> int | Personal | Filter:
        """Return the number of the condition that a filter is, or what else it is."""
        # Known by identity: few filters are in most rules, and hashing one is slow.
        known = self._known_parts.get(id(filter_))
        if known is None:
            if len(self._known_parts) >= KEPT:
                self._known_parts.clear()
            known = self._known_parts[id(filter_)] = (filter_, self._new_part(filter_))
        return known[1]

    def _new_part(self, filter_: Filter) -> int | Personal | Filter:
        cover = filter_.cover
        if cover is None or not cover.exact:
            return filter_
        if not cover.is_personal:
            return self._conditions.number(map(self.key, cover.keys), negate=filter_.negate)
        if all(isinstance(key, Key | Own) for key in cover.keys):
            return _personal(cover, negate=filter_.negate)
        return filter_


def _personal(cover: Cover, *, negate: bool) -> Personal:
    own = sorted((key for key in cover.keys if isinstance(key, Own)), key=str)
    return Personal(frozenset(k for k in cover.keys if isinstance(k, Key)), tuple(own), negate)
