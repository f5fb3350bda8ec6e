"""How a rule will be found: the keys that bring it up, and what must hold besides.

All filters of a rule must hold, so the keys of one are enough to find it: those that come up
seldomest. The others are asked only then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fmn.rules.access import Asked, Cover, Key, Own, Sought
from fmn.rules.filter import Filter
from fmn.rules.me import Me
from fmn.rules.sought import Begins, Exists, Limit, Pattern

RARITY: dict[str, float] = {
    "owner": 1e-5,
    "user": 1e-5,
    "artifact": 1e-4,
    "name": 1e-4,
    "agent": 1e-4,
    "group": 1e-3,
    "owning group": 1e-3,
    "topic": 1e-2,
    "application": 5e-2,
    "type": 3e-1,
    "severity": 3e-1,
}
"""In what part of all messages one key of a field stands: guesses, of which the order counts."""
GLOB = 10
"""How many times a glob of several values is as frequent as one value."""
SPREAD = {Limit: 3e-2, Exists: 3e-2, Begins: 1e-2}
SOUGHT = 2e-3
"""Of a word, a regular expression, a value in the body."""


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
    covers = {place: each.cover for place, each in enumerate(filters) if not each.negate}
    known = {place: cover for place, cover in covers.items() if cover is not None}
    if not known:
        return Plan(None, filters, is_everything=not covers)
    best = min(known, key=lambda place: _share(known[place]))
    kept = (place for place in range(len(filters)) if place != best or not known[best].exact)
    return Plan(known[best].keys, tuple(filters[place] for place in kept))


def _share(cover: Cover) -> float:
    """Return in what part of all messages one of these keys may stand."""
    return sum(map(_of_key, cover.keys))


def _of_key(key: Asked) -> float:
    if isinstance(key, Key | Own):
        return RARITY[key.field]
    if isinstance(key, Pattern):
        return GLOB * RARITY[key.field]
    return SPREAD.get(type(key), SOUGHT)
