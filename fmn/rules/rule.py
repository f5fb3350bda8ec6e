"""A rule: when all its filters hold, its destinations hear of the message."""

from dataclasses import dataclass

from fmn.model import Destination, Message, RuleId
from fmn.rules.filter import Filter, Me


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

    @property
    def is_everything(self) -> bool:
        """Tell whether no filter asks for something, so that almost every message would match."""
        return all(filter_.negate for filter_ in self.filters)

    def obstacle(self, message: Message) -> str | None:
        """Return why it cannot match this message whatever its filters say; None if it can."""
        if not self.enabled:
            return "the rule is disabled"
        if message.private and not message.names(self.user):
            return f"the message is private and does not name {self.user}"
        if self.is_everything and not self.everything:
            return "no filter asks for something, and the rule does not say `everything: true`"
        return None

    def matches(self, message: Message, me: Me) -> bool:
        """Tell whether its user shall hear of this message."""
        may = self.obstacle(message) is None
        return may and all(filter_.holds(message, me) for filter_ in self.filters)
