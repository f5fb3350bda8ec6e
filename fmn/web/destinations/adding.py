"""Adding a destination: checked as its kind knows addresses; the first brings default rules."""

import re
from typing import Any

from fmn.model import Destination
from fmn.preferences import edits
from fmn.preferences.codec import read_destination
from fmn.preferences.defaults import with_defaults
from fmn.preferences.values import Preferences
from fmn.preferences.written import Path, refusal
from fmn.storage.editing import Change
from fmn.web.parts import NOT_OFFERED, Parts

LONGEST = 35
"""Characters of a name that is made, so that a number fits behind it."""


def read(parts: Parts, user: str, name: str, written: dict[str, Any]) -> Destination:
    """Return what was written as a destination of this user, unconfirmed. Raises FieldError."""
    destination = read_destination(name, written, user=user, senders=parts.kinds)
    check_address(parts, destination)
    return destination


def check_address(parts: Parts, destination: Destination, at: Path = ()) -> None:
    """Raise FieldError where nothing can ever be sent there; it is written at this place."""
    kind = parts.kinds.get(destination.kind)
    if kind is None:
        raise refusal("", (*at, "kind"), NOT_OFFERED)
    if fault := kind.fault(destination.address):
        raise refusal("", (*at, "address"), fault)


def adding(parts: Parts, destination: Destination) -> Change:
    """Return the change that adds a destination; who has nothing yet gets the default rules."""

    def add(preferences: Preferences) -> Preferences:
        added = edits.add_destination(preferences, destination)
        is_new = not preferences.destinations and not preferences.rules
        return with_defaults(added, parts.defaults) if is_new else added

    return add


def free_name(preferences: Preferences, wanted: str) -> str:
    """Return a name for a destination that no other has: `email`, `email-2`."""
    taken = {each.name for each in preferences.destinations}
    wanted = re.sub("[^a-z0-9]+", "-", wanted.lower()).strip("-")[:LONGEST] or "other"
    names = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
