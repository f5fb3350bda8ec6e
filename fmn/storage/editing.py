"""Changing preferences safely: read, change and save are one transaction.

Two editors cannot overwrite each other: the change sees what is saved now, and may refuse.
"""

from collections.abc import Callable
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fmn.model import Destination, UserId
from fmn.preferences.edits import NotThere
from fmn.preferences.limits import check_limits
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from fmn.storage import tables
from fmn.storage.engine import take_turn, writing
from fmn.storage.preferences import load_user, save, unread
from fmn.storage.rows import Kinds, destination_of, links_of, preferences_of, readable, rule_of

DELETED_AT_MOST = 50
"""Deleted rules to show; older ones are kept, but nobody looks for them."""

Change = Callable[[Preferences], Preferences]


async def edit(  # noqa: PLR0913  # where, whose, what, and by whom
    engine: AsyncEngine, name: str, kinds: Kinds, change: Change, *, by: str, make: bool = False
) -> tuple[Preferences, int]:
    """Apply a change to the preferences of the user of this name, as they are now, and save them.

    Returns what is saved and the number of the change; where nothing changes nothing is saved and
    the number is 0. Where there is no such user, or not any more, it raises NotThere, unless it
    is to `make` one. Whatever `change` raises ends the transaction. Raises PreferencesError as
    `save` does, and where it would be more than one user may have.
    """
    async with writing(engine) as connection:
        await take_turn(connection)
        before = await load_user(connection, name, kinds)
        if before is None and not make:
            raise NotThere(f"user {name}")
        known = before or Preferences(UserId(token_hex(8)), name)
        after = change(known)
        if after == before:
            return after, 0
        check_limits(known, after)
        # What this fmn cannot read was not shown to whoever edits: so nobody deleted it.
        keep = await unread(connection, known)
        return after, await save(connection, after, by=by, keep=keep)


async def deleted_rules(connection: AsyncConnection, user: UserId, kinds: Kinds) -> list[Rule]:
    """Return the rules the user deleted, the last one first, with the destinations left."""
    rules, links = tables.rules, tables.rule_destinations
    gone = (rules.c.user_id == user) & rules.c.deleted.is_not(None)
    last = (
        select(rules, tables.users.c.name.label("user"))
        .join(tables.users)
        .where(gone)
        .order_by(rules.c.deleted.desc(), rules.c.position)
        .limit(DELETED_AT_MOST)
    )
    linked = select(links).join(rules).where(gone).order_by(links.c.position)
    told = await _destinations(connection, user)
    tells = links_of(await connection.execute(linked), told)
    rows = await connection.execute(last)
    found = readable(rows, lambda row: rule_of(row, row.user, kinds, tells[row.id]))
    return [rule for _, rule in found]


async def owner_of(connection: AsyncConnection, destination: str) -> str | None:
    """Return the name of the user whose destination this is; None where it is nobody's now."""
    users, destinations = tables.users, tables.destinations
    name: str | None = await connection.scalar(
        select(users.c.name)
        .join(destinations)
        .where(
            destinations.c.id == destination,
            destinations.c.deleted.is_(None),
            users.c.deleted.is_(None),
        )
    )
    return name


async def in_force(
    connection: AsyncConnection, user: UserId, version: int, kinds: Kinds
) -> Preferences | None:
    """Return the user's preferences as they were at this number of the feed; None if none."""
    feed = tables.preference_changes.c
    then = select(feed.preferences).where(feed.user_id == user, feed.id <= version)
    entry = await connection.scalar(then.order_by(feed.id.desc()).limit(1))
    return preferences_of(user, entry, kinds) if entry else None


async def _destinations(connection: AsyncConnection, user: UserId) -> list[Destination]:
    users, destinations = tables.users, tables.destinations
    living = (
        select(destinations, users.c.name.label("user"))
        .join(users)
        .where(destinations.c.user_id == user, destinations.c.deleted.is_(None))
    )
    rows = await connection.execute(living)
    return [each for _, each in readable(rows, lambda row: destination_of(row, row.user))]
