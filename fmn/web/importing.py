"""Importing preferences from YAML: what it would change, and changing it unless that changed."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from fastapi import Request
from starlette.datastructures import UploadFile

from fmn.model import Destination, DestinationState
from fmn.preferences.codec import read_user, write_user
from fmn.preferences.edits import Changed
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Preferences
from fmn.preferences.written import refusal
from fmn.web.adding import check_address
from fmn.web.forms import FIELDS, SIZE
from fmn.web.parts import Parts
from fmn.web.sessions import SignedIn

LONGEST = 256 * 1024
"""Characters of an import: reading them takes seconds."""
LINES = 400
"""Lines of a difference that are shown."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an import would make of somebody's preferences."""

    lines: tuple[str, ...]
    """Of YAML: those that go begin with `-`, those that come with `+`."""
    more: int
    """How many further lines are not shown."""
    unconfirmed: tuple[Destination, ...]
    """New destinations, and new addresses of old ones: silent until they are confirmed."""
    mark: str
    """Of the preferences it was made for."""


def read(parts: Parts, user: str, text: str) -> Preferences:
    """Return what was written as preferences of this user. Raises PreferencesError."""
    if len(text) > LONGEST:
        raise refusal("", (), f"expected at most {LONGEST // 1024} KiB")
    written = read_user(text, user=user, where="YAML", filters=parts.filters, senders=parts.kinds)
    for destination in written.destinations:
        check_address(parts, destination, ("destinations", destination.name, "address"))
    return written


def propose(before: Preferences, read: Preferences) -> Proposal:
    """Return what importing this would change."""
    after = merge(before, read)
    lines = changes(before, after)
    known = {each.id for each in before.destinations}
    new = DestinationState.UNCONFIRMED
    return Proposal(
        lines=tuple(line for line in lines[:LINES] if not line.startswith("@@")),
        more=max(0, len(lines) - LINES),
        unconfirmed=tuple(
            each for each in after.destinations if each.state is new and each.id not in known
        ),
        mark=mark_of(before),
    )


def importing(read: Preferences, mark: str) -> Callable[[Preferences], Preferences]:
    """Return the change that imports this; it raises Changed where the mark is another by now."""

    def edit(before: Preferences) -> Preferences:
        if mark_of(before) != mark:
            raise Changed("your preferences")
        return merge(before, read)

    return edit


def mark_of(preferences: Preferences) -> str:
    """Return a mark of what these preferences say, equal only where nothing differs."""
    return sha256(write_user(preferences).encode(errors="replace")).hexdigest()[:16]


async def uploaded(request: Request, _: SignedIn) -> str:
    """Return the text of the file in a form; empty without one.

    To be asked before the form itself, which takes no files and reads what was read here.
    """
    limits = {"max_files": 1, "max_fields": FIELDS, "max_part_size": SIZE}
    async with request.form(**limits) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            return ""
        return (await file.read(4 * LONGEST + 1)).decode(errors="replace")
