"""The index: every rule filed under a few keys, so that a message finds those that may match.

    message → keys → postings → groups → rest holds? → slots of rules → users and their rules

It knows keys, not kinds of filters. What was put since the last `seal` stands in a dictionary
beside the postings until the next one: a change costs microseconds, and nothing waits for it.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fmn.model import Message
from fmn.rules.access import Own
from fmn.rules.index.postings import EVERY, Entries, Parts, Postings
from fmn.rules.index.question import Question, Teams, own_key
from fmn.rules.index.rests import Rests
from fmn.rules.index.search import Among, Recent, Search
from fmn.rules.index.sights import Sights
from fmn.rules.index.users import Users
from fmn.rules.match_set import Found
from fmn.rules.me import Groups, Me
from fmn.rules.plan import Plan

HOT = 16
"""Rests on one message above which they are preselected."""
RIPE = 10_000
"""Rules put since the last seal that are worth a new one; more where there are many."""
RIPE_SIGHTS = 200
"""Globs, words and the like that are asked one by one."""
KEPT = 2_000
"""Plans that are known by heart."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A plan, as the index has it."""

    plan: Plan
    keys: tuple[int, ...]
    own: tuple[Own, ...]
    """Keys that differ from user to user."""
    rest: int


@dataclass(frozen=True, slots=True)
class Layers:
    """What was put up to some moment: replaced as a whole, by whoever seals."""

    postings: Postings
    known: int = 0
    """Rests of which the postings have the conditions."""
    pending: Recent = field(default_factory=dict)
    """What a seal that is under way will add to the postings."""
    first: Callable[[], None] | None = None
    """What must run before anything is found."""
    stale: int = 0
    """How many puts may have left slots in the postings that count no more."""


class Index:
    """Which rules a message matches: users and places, as numbers."""

    def __init__(self, groups: Groups, name_of: Callable[[int], str], *, hot: int = HOT) -> None:
        """Take who is in which group, and how a user of a number is called."""
        self._groups = groups
        self._name_of = name_of
        self._users = Users()
        self._sights = Sights()
        self._rests = Rests(self._sights.number)
        self._among = Among(self._users, self._rests, self._me, hot)
        self._filed: dict[int, Filed] = {}
        self._teams = Teams(groups)
        self._layers = Layers(Postings(Entries.none(), Parts.none()))
        self._recent: Recent = {}
        self._puts = 0
        self._loading: Loading | None = Loading()

    def put(self, user: str, plans: Sequence[Plan]) -> int:
        """Put a user's rules in place of those the user had; return the user's number.

        Before the first seal, or the first match, very many are put at little cost.
        """
        number, first = self._users.put(user, len(plans))
        rows = [
            (key, filed.rest, slot)
            for slot, filed in enumerate(map(self._file, plans), first)
            for key in (*filed.keys, *(own_key(own, user) for own in filed.own))
        ]
        if self._loading is not None:
            self._loading.extend(rows)
            return number
        self._puts += 1
        for key, rest, slot in rows:
            self._recent.setdefault(key, []).append((rest, slot))
        return number

    @property
    def is_ripe(self) -> bool:
        """Tell whether so much was put that a seal is worth it."""
        most = max(RIPE, len(self._layers.postings) // 8)
        return len(self._recent) > most or self._sights.fresh > RIPE_SIGHTS

    def seal(self) -> Callable[[], None]:
        """Return what makes postings of all that was put; see `RuleSet.seal`."""
        if not len(self._users):
            return _nothing
        numbered, known, parts = len(self._sights), len(self._rests), self._rests.parts
        sights = self._sights.seal()
        loaded, self._loading = self._loading, None
        if loaded is not None and self._users.settle():
            self._puts += 1
        if self._layers.first:
            self._layers.first()
        old = self._layers
        pending, stale = _both(old.pending, self._recent), old.stale + self._puts
        layers = self._layers = replace(old, pending=pending, stale=stale)
        self._recent, self._puts = {}, 0
        self._filed.clear()

        def job() -> None:
            sights()
            fresh = loaded.entries() if loaded is not None else _entries(pending)
            entries = old.postings.entries + fresh
            if stale:
                entries = entries.where(self._users.count(entries.slots))
            postings = Postings(entries, parts, numbered)
            if self._layers is layers:  # else a later seal has begun
                self._layers = Layers(postings, known)

        if loaded is not None:
            layers = self._layers = replace(layers, first=job)
        return job

    def match(self, message: Message) -> Found:
        """Return which rules match, and which could not be evaluated."""
        if self._loading is not None:
            self.seal()
        if self._layers.first:
            self._layers.first()  # what is loaded stands nowhere else
        question = Question(message, self._teams, self._sights)
        layers = self._layers
        search = Search(self._among, question, stale=bool(layers.stale or self._puts))
        search.postings(layers.postings, layers.known)
        for beside in filter(None, (layers.pending, self._recent)):
            search.recent(beside)
        return search.found()

    def _me(self, user: int) -> Me:
        name = self._name_of(user)
        return Me(name, self._groups.groups_of(name))

    def _file(self, plan: Plan) -> Filed:
        # Known by identity: a million rules have few plans, and to hash one is slow.
        filed = self._filed.get(id(plan))
        if filed is None:
            if len(self._filed) >= KEPT:
                self._filed.clear()
            filed = self._filed[id(plan)] = self._new(plan)
        return filed

    def _new(self, plan: Plan) -> Filed:
        rest = self._rests.number(plan.rest)
        if plan.keys is None:
            return Filed(plan, (EVERY,), (), rest)
        own = tuple(key for key in plan.keys if isinstance(key, Own))
        for each in own:
            self._teams.ask(each)
        others = (key for key in plan.keys if not isinstance(key, Own))
        return Filed(plan, tuple(map(self._rests.key, others)), own, rest)


class Loading:
    """What is put before the first seal."""

    def __init__(self) -> None:
        self._columns = array("q"), array("I"), array("I")

    def extend(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Take rows of key, rest and slot."""
        keys, rests, slots = self._columns
        for key, rest, slot in rows:
            keys.append(key)
            rests.append(rest)
            slots.append(slot)

    def entries(self) -> Entries:
        """Return all that was put."""
        keys, rests, slots = self._columns
        return Entries(
            np.frombuffer(keys, np.int64),
            np.frombuffer(rests, np.uint32),
            np.frombuffer(slots, np.uint32),
        )


def _nothing() -> None:
    pass


def _both(one: Recent, other: Recent) -> Recent:
    if not one or not other:
        return one or other
    return {key: [*one.get(key, ()), *other.get(key, ())] for key in one.keys() | other.keys()}


def _entries(recent: Recent) -> Entries:
    rows = [(key, rest, slot) for key, some in recent.items() for rest, slot in some]
    keys, rests, slots = zip(*rows, strict=True) if rows else ((), (), ())
    return Entries(np.array(keys, np.int64), np.array(rests, np.uint32), np.array(slots, np.uint32))
