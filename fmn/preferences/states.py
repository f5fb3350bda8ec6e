"""States of a user's destinations: confirmed, paused, bouncing, gone.

Each function takes preferences as they are and returns them as they shall be, or raises NotThere.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences.edits import destination_of
from fmn.preferences.values import Preferences

UNPROVEN = frozenset({DestinationState.UNCONFIRMED, DestinationState.BOUNCING})
"""States out of which a confirmation leads."""

ENDED = UNPROVEN | {DestinationState.GONE}
"""States out of which it leads to be there again, as a browser that subscribes anew."""


def confirm(preferences: Preferences, destination: DestinationId) -> Preferences:
    """Make an unconfirmed or bouncing destination active; any other stays as it is."""

    def confirmed(each: Destination) -> Destination:
        return _active(each) if each.state in UNPROVEN else each

    return _with_destinations(preferences, [destination], confirmed)


def revive(preferences: Preferences, destination: DestinationId) -> Preferences:
    """Make a destination active that shows itself to be there; a pause stays."""

    def revived(each: Destination) -> Destination:
        return _active(each) if each.state in ENDED else each

    return _with_destinations(preferences, [destination], revived)


def bounce(
    preferences: Preferences, destination: DestinationId, *, reason: str, at: datetime
) -> Preferences:
    """Stop a destination that is active then: what is sent there comes back, in these words."""

    def bouncing(each: Destination) -> Destination:
        if each.state_at(at) is not DestinationState.ACTIVE:
            return each
        return replace(each, state=DestinationState.BOUNCING, until=None, reason=reason)

    return _with_destinations(preferences, [destination], bouncing)


def retire(preferences: Preferences, destination: DestinationId, *, reason: str) -> Preferences:
    """Stop a destination for good because it does not exist any more, in the peer's words."""

    def gone(each: Destination) -> Destination:
        if each.state is DestinationState.GONE:
            return each
        return replace(each, state=DestinationState.GONE, until=None, reason=reason)

    return _with_destinations(preferences, [destination], gone)


def pause(
    preferences: Preferences,
    destinations: Collection[DestinationId] | None,
    *,
    until: datetime | None,
    reason: str = "",
    now: datetime | None = None,
) -> Preferences:
    """Pause these active or already paused destinations, None: all that are active.

    To all belong those whose pause is over `now`, else by the clock, and those that are paused
    for this reason. A pause of another reason stays as it is.
    """
    at = now or datetime.now(UTC)

    def paused(each: Destination) -> Destination:
        again = each.state is DestinationState.PAUSED and (
            destinations is not None or each.reason == reason
        )
        if not again and each.state_at(at) is not DestinationState.ACTIVE:
            return each
        return replace(each, state=DestinationState.PAUSED, until=until, reason=reason)

    return _with_destinations(preferences, destinations, paused)


def resume(
    preferences: Preferences,
    destinations: Collection[DestinationId] | None,
    *,
    reason: str | None = None,
) -> Preferences:
    """End the pause of these, None: of all; with a reason only pauses of that reason."""

    def resumed(each: Destination) -> Destination:
        is_meant = each.state is DestinationState.PAUSED and reason in (None, each.reason)
        return _active(each) if is_meant else each

    return _with_destinations(preferences, destinations, resumed)


def _with_destinations(
    preferences: Preferences,
    meant: Collection[DestinationId] | None,
    change: Callable[[Destination], Destination],
) -> Preferences:
    everyone = preferences.destinations
    chosen = everyone if meant is None else [destination_of(preferences, each) for each in meant]
    changed = {each.id: change(each) for each in chosen}

    def now(told: Iterable[Destination]) -> tuple[Destination, ...]:
        return tuple(changed.get(each.id, each) for each in told)

    rules = tuple(replace(rule, destinations=now(rule.destinations)) for rule in preferences.rules)
    return replace(preferences, destinations=now(everyone), rules=rules)


def _active(destination: Destination) -> Destination:
    return replace(destination, state=DestinationState.ACTIVE, until=None, reason="")
