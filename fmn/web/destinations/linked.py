"""What a signed link is about, and changing it: without a login, the link itself is the proof."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from fmn.model import Destination, DestinationId, DestinationState, RuleId
from fmn.preferences import edits
from fmn.preferences.edits import NotThere
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from fmn.storage.editing import Change, owner_of
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.changing import change
from fmn.web.destinations.addresses import masked
from fmn.web.destinations.pausing import LINK
from fmn.web.parts import Parts

BY = "link"
"""Who changed it, in the feed."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The destination of a link, as its owner has it now."""

    preferences: Preferences
    destination: Destination
    address: str
    """So that only its owner knows it again."""

    def rules(self, ids: Collection[RuleId]) -> list[Rule]:
        """Return those of these rules that are still there."""
        return [rule for rule in self.preferences.rules if rule.id in ids]

    def telling(self, ids: Collection[RuleId]) -> list[Rule]:
        """Return those of these rules that still tell this destination."""
        found = [rule for rule in self.rules(ids) if rule.enabled]
        return [rule for rule in found if self.destination in rule.destinations]

    def may_pause(self, now: datetime) -> bool:
        """Tell whether a link may pause it: the owner's own pause may be longer."""
        is_active = self.destination.state_at(now) is DestinationState.ACTIVE
        return is_active or self.is_paused_by_link(now)

    def is_paused_by_link(self, now: datetime) -> bool:
        """Tell whether it is paused because a link asked for it."""
        is_paused = self.destination.state_at(now) is DestinationState.PAUSED
        return is_paused and self.destination.reason == LINK


async def linked(parts: Parts, destination: DestinationId) -> Linked | None:
    """Return what a link to this destination is about; None where it is nobody's any more."""
    async with reading(parts.engine) as connection:
        owner = await owner_of(connection, destination)
        preferences = owner and await load_user(connection, owner, parts.filters)
    return about(parts, preferences, destination) if preferences else None


async def linked_after(parts: Parts, destination: DestinationId, edit: Change) -> Linked | None:
    """Apply an edit to the preferences of a destination's owner; return it as it is then."""
    async with reading(parts.engine) as connection:
        owner = await owner_of(connection, destination)
    if owner is None:
        return None
    try:
        return about(parts, await change(parts, owner, edit, by=BY), destination)
    except NotThere:  # deleted in between
        return None


def about(parts: Parts, preferences: Preferences, id_: DestinationId) -> Linked | None:
    """Return the destination among these preferences."""
    try:
        found = edits.destination_of(preferences, id_)
    except NotThere:
        return None
    return Linked(preferences, found, masked(parts.shown(found)))
