"""How a rule will be found: the keys that bring it up, and what must hold besides.

All filters of a rule must hold, so the keys of one are enough to find it: those that come up
seldomest. The others are asked only then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fmn.rules.access import Asked, Cover, Key, Sought
from fmn.rules.filter import Filter
from fmn.rules.me import Me


@dataclass(frozen=True, slots=True)
class Plan:
    """How one rule will be found. Equal filters make equal plans, whosever rule it is."""

    keys: frozenset[Asked] | None
    """The rule is looked at when a message has one; None: for every message."""
    rest: tuple[Filter, ...]
    """What must hold besides."""
    is_everything: bool = False
    """Whether no filter asks for something: such a rule must say that it is meant so."""

    def resolved(self, me: Me) -> frozenset[Key | Sought] | None:
        """Return the keys, with `me` and `mine` as those of this user."""
        return None if self.keys is None else Cover(self.keys).resolved(me)


def plan_of(filters: Iterable[Filter]) -> Plan:
    """Return how a rule with these filters will be found."""
    filters = tuple(filters)
    asking = [each for each in filters if not each.negate]
    known = [(cover, each) for each in asking if (cover := each.cover)]
    if not known:
        return Plan(None, filters, is_everything=not asking)
    cover, best = min(known, key=_share) if len(known) > 1 else known[0]
    rest = tuple(each for each in filters if each is not best) if cover.exact else filters
    return Plan(cover.keys, rest)


def _share(known: tuple[Cover, Filter]) -> float:
    return known[0].share
