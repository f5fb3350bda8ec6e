"""The index: every rule filed under a few keys, so that a message finds those that may match.

    message → keys → postings → groups → rest holds? → slots of rules → users and their rules

It knows keys, not kinds of filters. What was put since the last `seal` stands beside the postings
until the next one, so a change costs microseconds, and nothing waits for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from fmn.model import Message
from fmn.rules.index.beside import Beside
from fmn.rules.index.filing import Filing
from fmn.rules.index.postings import Entries, Postings
from fmn.rules.index.question import Question, Teams
from fmn.rules.index.rests import Rests
from fmn.rules.index.search import Among, Search
from fmn.rules.index.sights import Sights
from fmn.rules.index.users import Users
from fmn.rules.match_set import Found
from fmn.rules.me import Groups, Me
from fmn.rules.plan import Plan

RIPE = 10_000
"""Rows beside the postings that are worth a seal; an eighth of the postings, where that is more."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What was put up to some moment: replaced as a whole, by whoever seals."""

    postings: Postings
    pending: tuple[Beside, ...] = ()
    """What a seal that is under way will add to the postings."""
    is_stale: bool = False
    """Whether the postings may have slots that count no more."""


class Index:
    """Which rules a message matches: users and places, as numbers."""

    def __init__(self, groups: Groups, name_of: Callable[[int], str]) -> None:
        """Take who is in which group, and how a user of a number is called."""
        self._groups = groups
        self._name_of = name_of
        self._users = Users()
        self._sights = Sights()
        self._rests = Rests(self._sights.key)
        self._teams = Teams(groups)
        self._filing = Filing(self._sights, self._rests, self._teams)
        self._among = Among(self._users, self._rests, self._me)
        self._layers = Layers(Postings(Entries.none()))
        self._beside = Beside()

    def put(self, user: str, plans: Sequence[Plan]) -> int:
        """Put a user's rules in place of those the user had; return the user's number."""
        number, first = self._users.put(user, len(plans))
        self._beside.extend(
            (key, filed.rest, slot)
            for slot, filed in enumerate(map(self._filing.filed, plans), first)
            for key in filed.of(user)
        )
        return number

    @property
    def is_ripe(self) -> bool:
        """Tell whether so much was put that a seal is worth it."""
        most = max(RIPE, len(self._layers.postings) // 8)
        return len(self._beside) > most or self._sights.are_many

    def seal(self) -> Callable[[], None]:
        """Return what makes postings of all that was put; see `RuleSet.seal`."""
        if not len(self._users):
            return _nothing
        self._users.settle()
        self._filing.forget()
        numbered, conditions = len(self._sights), self._rests.entries
        sights, old = self._sights.seal(), self._layers
        pending, is_stale = (*old.pending, self._beside), old.is_stale or self._users.have_changed
        layers = self._layers = Layers(old.postings, pending, is_stale)
        self._beside, self._users.have_changed = Beside(), False

        def job() -> None:
            sights()
            entries = reduce(add, (each.entries for each in pending), old.postings.entries)
            if is_stale:
                entries = entries.where(self._users.count(entries.slots))
            postings = Postings(entries + conditions, numbered)
            if self._layers is layers:  # else a later seal has begun
                self._layers = Layers(postings)

        return job

    def match(self, message: Message) -> Found:
        """Return which rules match, and which could not be evaluated."""
        question = Question(message, self._teams, self._sights)
        users, layers = self._users, self._layers
        users.settle()
        search = Search(self._among, question, stale=layers.is_stale or users.have_changed)
        search.postings(layers.postings)
        for beside in (*layers.pending, self._beside):
            if len(beside):
                search.beside(beside)
        return search.found()

    def _me(self, user: int) -> Me:
        name = self._name_of(user)
        return Me(name, self._groups.groups_of(name))


def _nothing() -> None:
    pass
