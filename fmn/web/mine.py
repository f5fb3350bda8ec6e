"""What is the viewer's: their preferences as they are now, and bringing back what they deleted."""

from functools import partial

from fmn.model import RuleId
from fmn.preferences import edits
from fmn.preferences.values import Preferences
from fmn.storage import editing
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.changing import change
from fmn.web.parts import Parts
from fmn.web.sessions import Viewer


async def preferences_of(parts: Parts, viewer: Viewer) -> Preferences:
    """Return the viewer's own preferences as they are now."""
    async with reading(parts.engine) as connection:
        found = await load_user(connection, viewer.name, parts.filters)
    return found or Preferences(viewer.account.id, viewer.name)


async def restore_rule(parts: Parts, viewer: Viewer, rule: RuleId) -> Preferences:
    """Bring back a rule that the viewer deleted; return what is saved.

    Raises NotThere, and PreferencesError where it cannot come back.
    """
    async with reading(parts.engine) as connection:
        deleted = await editing.deleted_rules(connection, viewer.account.id, parts.filters)
    found = next((each for each in deleted if each.id == rule), None)
    if found is None:
        raise edits.NotThere(f"deleted rule {rule}")
    edit = partial(edits.restore_rule, rule=found)
    return await change(parts, viewer.name, edit, by=viewer.name)
