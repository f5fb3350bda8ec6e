"""A rule: when all its filters hold, its destinations hear of the message."""

from dataclasses import dataclass, replace
from typing import Self

from fmn.model import Destination, DestinationId, Message, RuleId
from fmn.rules.access import Key
from fmn.rules.filter import Filter
from fmn.rules.me import Me
from fmn.rules.sought import Pattern


@dataclass(frozen=True, slots=True)
class Rule:
    """What one user asked for, in one sentence."""

    id: RuleId
    user: str
    """The user's name."""
    name: str
    filters: tuple[Filter, ...]
    destinations: tuple[Destination, ...]
    enabled: bool = True
    everything: bool = False
    """Says that no filter, or only negated ones, is meant so."""
    origin: str = ""
    """`default` for one that every new user gets; empty for the user's own."""
    blocked: str = ""
    """Why an operator stopped it, for its owner to read; empty where nobody did."""

    @property
    def is_everything(self) -> bool:
        """Tell whether no filter asks for something, so that almost every message would match."""
        return all(filter_.negate for filter_ in self.filters)

    @property
    def is_able(self) -> bool:
        """Tell whether any message can match it."""
        return self.enabled and not self.blocked and (self.everything or not self.is_everything)

    def obstacle(self, message: Message) -> str | None:
        """Return why it cannot match this message whatever its filters say; None if it can."""
        if not self.enabled:
            return "the rule is disabled"
        if self.blocked:
            return f"an operator stopped the rule: {self.blocked}"
        if message.private and not message.names(self.user):
            return f"the message is private and does not name {self.user}"
        if self.is_everything and not self.everything:
            return "no filter asks for something, and the rule does not say `everything: true`"
        return None

    def matches(self, message: Message, me: Me) -> bool:
        """Tell whether its user shall hear of this message."""
        may = self.obstacle(message) is None
        return may and all(filter_.holds(message, me) for filter_ in self.filters)

    def covers(self, me: Me) -> list[frozenset[Key | Pattern]]:
        """Return a set of keys for each filter that has some of the kinds messages are filed by.

        Every message it matches has one key of each set; where a set is empty it matches none.
        """
        asked = (filter_.cover for filter_ in self.filters if not filter_.negate)
        resolved = (cover.resolved(me) for cover in asked if cover is not None)
        return [keys for keys in resolved if all(isinstance(key, Key | Pattern) for key in keys)]

    def in_place_of(self, was: Self) -> Self:
        """Return this rule with the id of another, which stays blocked if it was.

        Where it came from stays only where it asks and tells the same: else it is the user's own.
        """
        origin = was.origin if self._says == was._says else ""
        return replace(self, id=was.id, origin=origin, blocked=was.blocked)

    def tells(self, destination: DestinationId) -> bool:
        """Tell whether this is one of its destinations."""
        return any(each.id == destination for each in self.destinations)

    def tells_only(self, destination: DestinationId) -> bool:
        """Tell whether this is its one destination."""
        return [each.id for each in self.destinations] == [destination]

    def without(self, destination: DestinationId) -> Self:
        """Return the rule with all its other destinations."""
        left = tuple(each for each in self.destinations if each.id != destination)
        return replace(self, destinations=left)

    @property
    def _says(self) -> tuple[object, ...]:
        told = {destination.id for destination in self.destinations}
        return self.name, self.filters, told, self.everything
