"""Filing: a plan in the numbers of the index, the same for every rule that has it."""

from dataclasses import dataclass

from fmn.rules.access import Own
from fmn.rules.index.postings import EVERY
from fmn.rules.index.question import Teams, own_key
from fmn.rules.index.rests import Rests
from fmn.rules.index.sights import Sights
from fmn.rules.plan import Plan

KEPT = 2_000
"""Plans that are known by heart."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A plan in numbers."""

    plan: Plan
    keys: tuple[int, ...]
    own: tuple[Own, ...]
    """Keys that differ from user to user."""
    rest: int

    def of(self, user: str) -> tuple[int, ...]:
        """Return the keys of a rule of this user."""
        return (*self.keys, *(own_key(own, user) for own in self.own)) if self.own else self.keys


class Filing:
    """What was numbered so far."""

    def __init__(self, sights: Sights, rests: Rests, teams: Teams) -> None:
        self._sights = sights
        self._rests = rests
        self._teams = teams
        self._known: dict[int, Filed] = {}

    def filed(self, plan: Plan) -> Filed:
        """Return a plan in numbers."""
        # Known by identity: a million rules have few plans, and to hash one is slow.
        known = self._known.get(id(plan))
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[id(plan)] = self._new(plan)
        return known

    def forget(self) -> None:
        """Keep no plan longer than it takes to put many."""
        self._known.clear()
        self._rests.forget()

    def _new(self, plan: Plan) -> Filed:
        rest = self._rests.number(plan.rest)
        if plan.keys is None:
            return Filed(plan, (EVERY,), (), rest)
        own = tuple(key for key in plan.keys if isinstance(key, Own))
        for each in own:
            self._teams.ask(each)
        others = (key for key in plan.keys if not isinstance(key, Own))
        return Filed(plan, tuple(map(self._rests.key, others)), own, rest)
