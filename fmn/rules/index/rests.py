"""Rests: what must hold besides the key that brought a rule up, shared by all rules that say so.

A filter that asks nothing of the rule's user is a condition, judged once for each message. One
that does, and whose keys say all of it, is answered for all users of a group at once. Only a
filter that nobody knows about is asked for each user.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fmn.rules.access import Cover, Key, Own, Sought
from fmn.rules.filter import Filter
from fmn.rules.index.column import Column
from fmn.rules.index.conditions import ALWAYS, Conditions
from fmn.rules.index.postings import Mask, Numbers, Parts, Places

NONE = 0
"""The rest of which nothing is left, and what of a rest is nothing beyond its conditions."""
KEPT = 5_000
"""Filters, and rests, that are known by heart."""

ROW = 3
"""Conditions of a rest that stand in columns; few rests have more."""

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
        self._numbers: dict[bytes, int] = {}
        self._conditions = Conditions()
        self._rows = tuple(Column(np.uint32) for _ in range(ROW))
        self._is_deep = Column(bool)
        self._deep: dict[int, Sequence[int]] = {}
        self._beyonds: list[Beyond] = [Beyond()]
        self._of_beyond: dict[tuple[object, ...], int] = {}
        self._known_parts: dict[int, tuple[Filter, int | Personal | Filter]] = {}
        self._beyond = Column(np.uint32)
        self._known: dict[int, Said] = {}
        self.number(())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._beyond)

    def number(self, filters: Iterable[Filter]) -> int:
        """Return the number of the rest that these filters are."""
        parts, said = self._parts_of(filters)
        beyond = self._beyond_of(said) if said else NONE
        row = array("I", [beyond, *parts]).tobytes()
        number = self._numbers.setdefault(row, len(self))
        if number == len(self):
            self._take(parts)
            self._beyond.append(beyond)
        return number

    def _take(self, parts: Sequence[int]) -> None:
        for column, part in zip(self._rows, [*parts, *[ALWAYS] * ROW], strict=False):
            column.append(part)
        self._is_deep.append(len(parts) > ROW)
        if len(parts) > ROW:
            self._deep[len(self)] = parts

    def forget(self) -> None:
        """Keep no filter that is a condition longer than it takes to put many."""
        self._known_parts.clear()

    def key(self, key: Key | Sought) -> int:
        """Return a key as a number, as postings have it."""
        return hash(key) if isinstance(key, Key) else self._sought(key)

    def beyond(self, rests: Numbers) -> Numbers:
        """Return, as numbers, what of each rest is no condition; NONE: nothing."""
        beyond: Numbers = self._beyond[rests]
        return beyond

    def beyond_one(self, rest: int) -> int:
        """Return it of one rest."""
        return int(self._beyond[rest])

    def filters(self, beyond: int) -> Beyond:
        """Return what is no condition."""
        return self._beyonds[beyond]

    def conditions(self, rest: int) -> Said:
        """Return the conditions of one rest."""
        said = self._known.get(rest)
        if said is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            parts = self._deep.get(rest) or [int(column[rest]) for column in self._rows]
            asked = (part for part in parts if part != ALWAYS)
            said = self._known[rest] = tuple(map(self._conditions.condition, asked))
        return said

    @property
    def parts(self) -> Parts:
        """The conditions of all rests, to be filed beside the rules."""
        return self._conditions.parts

    def judged(self, present: Numbers, rests: Numbers) -> Mask:
        """Tell of which rests the conditions hold, where of these a key is present.

        Of one that has more than `ROW` conditions only the first count.
        """
        said = self._conditions.judged(present)
        first, *others = self._rows
        holds: Mask = said[first[rests]]
        for column in others:
            holds &= said[column[rests]]
        return holds

    def are_deep(self, rests: Numbers) -> Places:
        """Return the places of those that have more than `ROW` conditions."""
        places: Places = self._is_deep[rests].nonzero()[0]
        return places

    def _beyond_of(self, said: Beyond) -> int:
        # Filters by identity: those of another package need not have a hash.
        alone = tuple(map(id, said.common)), tuple(map(id, said.solitary))
        number = self._of_beyond.setdefault((said.personal, *alone), len(self._beyonds))
        if number == len(self._beyonds):
            self._beyonds.append(said)
        return number

    def _parts_of(self, filters: Iterable[Filter]) -> tuple[Sequence[int], Beyond | None]:
        """Return the conditions of a rest, and what is none."""
        parts = list(map(self._part, filters))
        conditions = sorted({each for each in parts if isinstance(each, int)})
        if len(conditions) == len(parts):
            return conditions, None
        personal = tuple(each for each in parts if isinstance(each, Personal))
        others = [each for each in parts if isinstance(each, Filter)]
        common = tuple(each for each in others if each.cover and not each.cover.is_personal)
        solitary = tuple(each for each in others if each not in common)
        return conditions, Beyond(common, personal, solitary)

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
