"""Changing somebody's preferences from a page or the API: saved, and every worker told of it."""

from contextlib import suppress

from fmn.errors import Unavailable
from fmn.preferences.values import Preferences
from fmn.storage import editing
from fmn.storage.editing import Change
from fmn.web.parts import Parts


async def change(parts: Parts, name: str, edit: Change, *, by: str) -> Preferences:
    """Apply an edit to the preferences of the user of this name; return what is saved.

    Raises what the edit raises, PreferencesError where it cannot be saved, and NotThere where there
    is no such user, or not any more.
    """
    saved, version = await editing.edit(parts.engine, name, parts.filters, edit, by=by)
    if version:
        await told(parts, version)
    return saved


async def told(parts: Parts, version: int) -> None:
    """Tell the workers of a change; who does not hear of it finds it in the feed."""
    with suppress(Unavailable):
        await parts.queues.nudge(version)
