"""Preferences as YAML, out and in: what an import would change, and changing it as it was seen.

Reading and writing long YAML takes seconds, so all of it is done in threads.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

import msgspec
from fastapi import Request
from starlette.datastructures import UploadFile

from fmn.model import Destination, DestinationState
from fmn.preferences.codec import read_user, write_destination, write_rule, write_user
from fmn.preferences.edits import Changed
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Preferences
from fmn.preferences.written import refusal
from fmn.rules.bounds import LARGEST
from fmn.web.changing import change
from fmn.web.destinations.adding import check_address
from fmn.web.forms import FIELDS, SIZE
from fmn.web.parts import Parts
from fmn.web.sessions import SignedIn

LINES = 400
"""Lines of a difference that are shown on a page."""

Seen = Callable[[str], bool]
"""Tells whether a mark is of preferences that whoever imports has seen."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an import makes of somebody's preferences."""

    before: Preferences
    after: Preferences
    changes: tuple[str, ...]
    """Lines of YAML: those that go begin with `-`, those that come with `+`."""

    @property
    def lines(self) -> list[str]:
        """Return the lines that a page shows."""
        return [line for line in self.changes[:LINES] if not line.startswith("@@")]

    @property
    def more(self) -> int:
        """Return how many further lines are not shown."""
        return max(0, len(self.changes) - LINES)

    @property
    def silent(self) -> list[Destination]:
        """Return destinations that hear of nothing until they are confirmed."""
        waiting = DestinationState.UNCONFIRMED
        return [each for each in self.after.destinations if each.state is waiting]

    @property
    def unconfirmed(self) -> list[Destination]:
        """Return those of them that are new, or have a new address."""
        known = {each.id for each in self.before.destinations}
        return [each for each in self.silent if each.id not in known]

    @property
    def mark(self) -> str:
        """Return the mark of the preferences it was made for."""
        return mark_of(self.before)


async def write(preferences: Preferences) -> str:
    """Return preferences as YAML."""
    return await asyncio.to_thread(write_user, preferences)


async def read(parts: Parts, before: Preferences, text: str) -> Preferences:
    """Return what was written as preferences of the user who has these now.

    An address that the user has already is taken as it is: what an operator does not offer any
    more keeps nobody from changing the rest. Raises PreferencesError.
    """
    return await asyncio.to_thread(_read, parts, before, text)


async def propose(parts: Parts, before: Preferences, written: Preferences) -> Proposal:
    """Return what importing this would change."""
    return await difference(parts, before, merge(before, written))


async def difference(parts: Parts, before: Preferences, after: Preferences) -> Proposal:
    """Return what changes from one to the other: in words without what is secret in addresses."""
    lines = await asyncio.to_thread(changes, _shown(parts, before), _shown(parts, after))
    return Proposal(before, after, tuple(lines))


async def bring(
    parts: Parts, user: str, written: Preferences, *, seen: Seen
) -> tuple[Preferences, Preferences]:
    """Import this; return the preferences before and after.

    Raises Changed where they were not those that were seen.
    """
    found: list[Preferences] = []

    def edit(now: Preferences) -> Preferences:
        check_seen(now, seen)
        found.append(now)
        return merge(now, written)

    after = await change(parts, user, edit, by=user)
    return found[-1], after


def check_seen(preferences: Preferences, seen: Seen) -> None:
    """Raise Changed where these are not the preferences that were seen."""
    if not seen(mark_of(preferences)):
        raise Changed("your preferences")


def mark_of(preferences: Preferences) -> str:
    """Return a mark of what these preferences say, equal only where nothing differs."""
    places = {each.name: write_destination(each) for each in preferences.destinations}
    said = [preferences.groups, places, [write_rule(rule) for rule in preferences.rules]]
    # JSON, because YAML takes a thousand times as long.
    written = msgspec.json.Encoder(decimal_format="number").encode(said)
    return sha256(written).hexdigest()[:16]


async def uploaded(request: Request, _: SignedIn) -> str:
    """Return the text of the file in a form; empty without one.

    To be asked before the form itself, which takes no files and reads what was read here.
    """
    limits = {"max_files": 1, "max_fields": FIELDS, "max_part_size": SIZE}
    async with request.form(**limits) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            return ""
        return (await file.read(LARGEST + 1)).decode(errors="replace")


def _shown(parts: Parts, preferences: Preferences) -> Preferences:
    # Where only a secret changes, the id does, too: a new address is a new destination.
    shown = (replace(to, address=parts.shown(to)) for to in preferences.destinations)
    return replace(preferences, destinations=tuple(shown))


def _read(parts: Parts, before: Preferences, text: str) -> Preferences:
    text = text.replace("\r\n", "\n")  # as forms send them: what was exported fits in again
    if len(text.encode(errors="replace")) > LARGEST:
        raise refusal("", (), f"expected at most {LARGEST // 1024} KiB")
    kept = {(to.kind, to.address) for to in before.destinations}
    kinds = {*parts.kinds, *(kind for kind, _ in kept)}
    written = read_user(text, user=before.user, where="YAML", filters=parts.filters, senders=kinds)
    for to in written.destinations:
        if (to.kind, to.address) not in kept:
            check_address(parts, to, ("destinations", to.name))
    return written
