"""Adding a destination: checked as its kind knows addresses; the first brings default rules."""

from typing import Any

from fmn.model import Destination
from fmn.preferences import edits
from fmn.preferences.codec import read_destination
from fmn.preferences.defaults import with_defaults
from fmn.preferences.values import Preferences
from fmn.preferences.written import refusal
from fmn.storage.editing import Change
from fmn.web.parts import Parts


def read(parts: Parts, user: str, name: str, written: dict[str, Any]) -> Destination:
    """Return what was written as a destination of this user, unconfirmed. Raises FieldError."""
    destination = read_destination(name, written, user=user, senders=parts.kinds)
    check_address(parts, destination, ("address",))
    return destination


def check_address(parts: Parts, destination: Destination, at: tuple[str | int, ...]) -> None:
    """Raise FieldError, which names this place, where nothing can be sent to the address."""
    if fault := parts.kinds[destination.kind].fault(destination.address):
        raise refusal("", at, fault)


def adding(parts: Parts, destination: Destination) -> Change:
    """Return the change that adds a destination; who has nothing yet gets the default rules."""

    def add(preferences: Preferences) -> Preferences:
        added = edits.add_destination(preferences, destination)
        is_new = not preferences.destinations and not preferences.rules
        return with_defaults(added, parts.defaults) if is_new else added

    return add


def free_name(preferences: Preferences, kind: str) -> str:
    """Return a name for a destination of this kind that no other has: `email`, `email-2`."""
    taken = {each.name for each in preferences.destinations}
    names = (kind if n == 1 else f"{kind}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
