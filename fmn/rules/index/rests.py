"""Rests: what must hold besides the key that brought a rule up, shared by all rules that say so.

A filter that asks nothing of the rule's user is asked once for each message. One that does, and
whose keys say all of it, is answered for all users of a group at once. Only a filter that nobody
knows about is asked for each user.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmn.rules.access import Cover, Key, Own
from fmn.rules.filter import Filter
from fmn.rules.index.column import Column
from fmn.rules.index.postings import Entries, Numbers, Postings, expanded
from fmn.rules.index.question import Question, as_keys
from fmn.rules.index.sights import Sights

NONE = 0
"""The rest of which nothing is left."""


@dataclass(frozen=True, slots=True)
class Personal:
    """A filter whose answer is known for all users at once: by its keys."""

    keys: frozenset[Key]
    own: tuple[Own, ...]
    negate: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What must hold, by how it is asked."""

    shared: tuple[int, ...]
    """Filters, by their numbers."""
    personal: tuple[Personal, ...]
    solitary: tuple[Filter, ...]


class Rests:
    """All rests there are; equal ones are one."""

    def __init__(self) -> None:
        self.filters: list[Filter] = []
        """Those that are shared, by their numbers."""
        self._of_filter: dict[Filter, int] = {}
        self._numbers: dict[frozenset[Filter], int] = {}
        self._rests: list[Rest] = []
        self._is_shared = Column(bool)
        self.crowd = Crowd()
        self.number(())

    def __getitem__(self, number: int) -> Rest:
        """Return a rest."""
        return self._rests[number]

    def number(self, filters: Sequence[Filter]) -> int:
        """Return the number of the rest that these filters are."""
        asked = frozenset(filters)
        number = self._numbers.setdefault(asked, len(self._rests))
        if number == len(self._rests):
            rest = self._rest(dict.fromkeys(filters))
            self._rests.append(rest)
            self._is_shared.append(not rest.personal and not rest.solitary)
            self.crowd.add_rest(rest.shared)
        return number

    def are_shared(self, rests: Numbers) -> NDArray[np.bool]:
        """Tell which of them say the same for every user."""
        shared: NDArray[np.bool] = self._is_shared[rests]
        return shared

    def _rest(self, filters: Iterable[Filter]) -> Rest:
        shared, personal, solitary = list[int](), list[Personal](), list[Filter]()
        for each in filters:
            cover = each.keys()
            if cover and not cover.is_personal:
                shared.append(self._shared(each, cover))
            elif cover and cover.exact and all(isinstance(key, Key | Own) for key in cover.keys):
                personal.append(_personal(cover, negate=each.negate))
            else:
                solitary.append(each)
        return Rest(tuple(shared), tuple(personal), tuple(solitary))

    def _shared(self, filter_: Filter, cover: Cover) -> int:
        number = self._of_filter.setdefault(filter_, len(self.filters))
        if number == len(self.filters):
            self.filters.append(filter_)
            self.crowd.add_filter(number, cover, negate=filter_.negate)
        return number


def _personal(cover: Cover, *, negate: bool) -> Personal:
    own = tuple(key for key in cover.keys if isinstance(key, Own))
    return Personal(frozenset(key for key in cover.keys if isinstance(key, Key)), own, negate)


class Crowd:
    """Very many rests at once: which shared filters hold is found by their keys, none is asked."""

    def __init__(self) -> None:
        self._sights = Sights()
        self._keys, self._filters = Column(np.int64), Column(np.uint32)
        self._negate, self._is_keyed = Column(bool), Column(bool)
        self._parts, self._start = Column(np.uint32), Column(np.uint32)
        self._start.append(0)
        self._is_ready = Column(bool)
        self._sealed = (Postings(Entries.none()), 0)

    def add_filter(self, number: int, cover: Cover, *, negate: bool) -> None:
        """Take the filter of the next number."""
        self._negate.append(negate)
        self._is_keyed.append(cover.exact)
        for key in cover.keys if cover.exact else ():
            self._keys.append(hash(key) if isinstance(key, Key) else self._sights.number(key))
            self._filters.append(number)

    def add_rest(self, shared: Sequence[int]) -> None:
        """Take the shared filters of the next rest."""
        self._parts.extend(shared, len(shared))
        self._start.append(len(self._parts))
        self._is_ready.append(all(self._is_keyed[number] for number in shared))

    def seal(self) -> Callable[[], None]:
        """Return what makes all that is there now ready to be judged; for any thread."""
        sights, known = self._sights.seal(), len(self._is_ready)
        many, numbered = len(self._keys), len(self._sights)
        keys, filters = self._keys.all, self._filters.all

        def job() -> None:
            sights()
            entries = Entries(keys, np.zeros(many, np.uint32), filters)
            self._sealed = (Postings(entries, numbered), known)

        return job

    def ready(self, rests: Numbers) -> NDArray[np.bool]:
        """Tell which of them can be judged here."""
        ready: NDArray[np.bool] = (rests < self._sealed[1]) & self._is_ready[rests]
        return ready

    def judged(self, rests: Numbers, question: Question) -> NDArray[np.bool]:
        """Tell which of these rests hold, all of them ready."""
        on = self._on(question)
        starts, ends = self._start[rests], self._start[rests + 1]
        holds = np.ones(len(rests), bool)
        some = np.flatnonzero(starts < ends)
        if len(some):
            starts, ends = starts[some], ends[some]
            sizes = (ends - starts).astype(np.intp)
            offsets = sizes.cumsum() - sizes
            holds[some] = np.logical_and.reduceat(on[self._parts[expanded(starts, ends)]], offsets)
        return holds

    def _on(self, question: Question) -> NDArray[np.bool]:
        """Return for every filter whether it holds."""
        postings = self._sealed[0]
        numbers = self._sights.found(question.message, question.keys)
        there = postings.groups(as_keys(question.hashes(())), numbers)
        on = np.zeros(len(self._negate), bool)
        on[postings.slots(there)] = True
        on ^= self._negate.all
        return on
