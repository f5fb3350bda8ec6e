"""Rests: what must hold besides the key that brought a rule up, shared by all rules that say so.

A filter that asks nothing of the rule's user is a condition, judged once for each message. One
that does, and whose keys say all of it, is answered for all users of a group at once. Only a
filter that nobody knows about is asked for each user.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from fmn.rules.access import Cover, Key, Own, Sought
from fmn.rules.filter import Filter
from fmn.rules.index.column import Column
from fmn.rules.index.conditions import Conditions, Mask
from fmn.rules.index.postings import Keys, Numbers, expanded

NONE = 0
"""The rest of which nothing is left."""
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
        self._numbers: dict[tuple[bytes, Beyond], int] = {}
        self._conditions = Conditions()
        self._parts, self._start = Column(np.uint32), Column(np.uint32)
        self._start.append(0)
        self._beyond: dict[int, Beyond] = {}
        self._is_plain = Column(bool)
        self._sealed = 0
        self._known: dict[int, Said] = {}
        self.number(())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._is_plain)

    def number(self, filters: Iterable[Filter]) -> int:
        """Return the number of the rest that these filters are."""
        parts, beyond = self._sorted(dict.fromkeys(filters))
        row = np.array(sorted(parts), np.uint32)
        number = self._numbers.setdefault((row.tobytes(), beyond), len(self))
        if number == len(self):
            self._parts.extend(row, len(row))
            self._start.append(len(self._parts))
            self._is_plain.append(beyond == Beyond())
            if beyond != Beyond():
                self._beyond[number] = beyond
        return number

    def key(self, key: Key | Sought) -> int:
        """Return a key as a number, as postings have it."""
        return hash(key) if isinstance(key, Key) else self._sought(key)

    def are_plain(self, rests: Numbers) -> Mask:
        """Tell which of them consist of conditions only."""
        plain: Mask = self._is_plain[rests]
        return plain

    def beyond(self, rest: int) -> Beyond:
        """Return what of a rest is no condition."""
        return self._beyond[rest]

    def conditions(self, rest: int) -> Said:
        """Return the conditions of one rest."""
        said = self._known.get(rest)
        if said is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            parts = self._parts[self._start[rest] : self._start[rest + 1]].tolist()
            said = self._known[rest] = tuple(map(self._conditions.condition, parts))
        return said

    def seal(self, numbered: int) -> Callable[[], None]:
        """Return what lets all rests of now be judged at once; for any thread."""
        conditions, many = self._conditions.seal(numbered), len(self)

        def job() -> None:
            conditions()
            self._sealed = many

        return job

    def ready(self, rests: Numbers) -> Mask:
        """Tell which of them can be judged at once."""
        return rests < self._sealed

    def judge(self, keys: Keys, numbers: Numbers, rests: Numbers) -> Mask:
        """Tell of which of these rests, all ready, the conditions hold."""
        holds = np.ones(len(rests), bool)
        starts, ends = self._start[rests], self._start[rests + 1]
        some = np.flatnonzero(starts < ends)
        if len(some):
            starts, ends = starts[some], ends[some]
            sizes = (ends - starts).astype(np.intp)
            parts = self._parts[expanded(starts, ends)]
            said = self._conditions.judge(keys, numbers, parts)
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
