"""Preferences in SQL: load a user's, save them, and ask whose have changed.

Whoever saves takes a turn first, so the feed's numbers are in the order of commits: who has
seen number 7 will never find a 6 later.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.errors import PreferencesError
from fmn.model import UserId
from fmn.preferences.values import Preferences
from fmn.storage import tables
from fmn.storage.engine import take_turn
from fmn.storage.rows import (
    Kinds,
    Values,
    destination_of,
    entry_of,
    links_of,
    readable,
    rows_of,
    rule_of,
)


async def load_user(connection: AsyncConnection, name: str, kinds: Kinds) -> Preferences | None:
    """Return the preferences of the user of this name.

    A rule or destination that cannot be read is left out, with a log line.
    """
    users = tables.users
    this = select(users).where(users.c.name == name, users.c.deleted.is_(None))
    user = (await connection.execute(this)).one_or_none()
    if user is None:
        return None
    heard = await _living(connection, tables.destinations, user.id)
    told = [each for _, each in readable(heard, lambda row: destination_of(row, name))]
    links = links_of(await _links(connection, user.id), told)
    judged = await _living(connection, tables.rules, user.id)
    rules = readable(judged, lambda row: rule_of(row, name, kinds, links[row.id]))
    every = tuple(rule for _, rule in rules)
    return Preferences(user.id, name, tuple(user.groups), tuple(told), every)


async def unread(connection: AsyncConnection, preferences: Preferences) -> frozenset[str]:
    """Return the ids of what the user has and loading left out."""
    seen: set[str] = {each.id for each in preferences.destinations}
    seen |= {each.id for each in preferences.rules}
    found: set[str] = set()
    for table in (tables.destinations, tables.rules):
        mine = select(table.c.id).where(table.c.user_id == preferences.id)
        found |= set(await connection.scalars(mine.where(table.c.deleted.is_(None))))
    return frozenset(found - seen)


async def save(
    connection: AsyncConnection,
    preferences: Preferences,
    *,
    by: str,
    keep: Collection[str] = frozenset(),
) -> int:
    """Make these the user's preferences; return the number of the change.

    What was there and is missing here is marked as deleted, unless its id is in `keep`. Raises
    PreferencesError where a name or an address is taken, an id belongs to somebody else, or a
    rule names a destination that is not among these; then the transaction is over.
    """
    await take_turn(connection)
    now = datetime.now(UTC)
    saved = rows_of(preferences)
    try:
        await _put_user(connection, preferences, now)
        for table in (tables.destinations, tables.rules):
            mine = (table.c.user_id == preferences.id) & table.c.id.not_in(keep)
            rows = [row | {"user_id": preferences.id} for row in saved[table.name]]
            await _put(connection, table, mine, rows, now)
        await _link(connection, preferences.id, saved["rule_destinations"], keep)
    except IntegrityError as refused:
        first = str(refused.orig).partition("\n")[0].rpartition(">: ")[2]
        raise PreferencesError(preferences.user, f"the database refuses them: {first}") from refused
    feed = tables.preference_changes
    entry = entry_of(preferences, saved)
    change = insert(feed).values(user_id=preferences.id, at=now, by=by, preferences=entry)
    number: int = (await connection.execute(change.returning(feed.c.id))).scalar_one()
    return number


async def newest(connection: AsyncConnection) -> int:
    """Return the number of the last change; 0 before the first."""
    last = await connection.scalar(select(func.max(tables.preference_changes.c.id)))
    return last or 0


async def changed_since(connection: AsyncConnection, version: int) -> tuple[set[UserId], int]:
    """Return who has changed after this number, and the number of the last change."""
    feed = tables.preference_changes.c
    rows = await connection.execute(select(feed.id, feed.user_id).where(feed.id > version))
    changes = {number: UserId(user) for number, user in rows}
    return set(changes.values()), max(changes, default=version)


async def _living(connection: AsyncConnection, table: Table, user: UserId) -> Iterable[Row[Any]]:
    theirs = select(table).where(table.c.user_id == user, table.c.deleted.is_(None))
    return await connection.execute(theirs.order_by(table.c.position))


async def _links(connection: AsyncConnection, user: UserId) -> Iterable[Row[Any]]:
    rules, link = tables.rules, tables.rule_destinations
    theirs = select(link).select_from(rules.join(link))
    living = theirs.where(rules.c.user_id == user, rules.c.deleted.is_(None))
    return await connection.execute(living.order_by(link.c.position))


async def _put_user(connection: AsyncConnection, preferences: Preferences, now: datetime) -> None:
    users = tables.users
    values = {"name": preferences.user, "groups": list(preferences.groups)}
    living = (users.c.id == preferences.id) & users.c.deleted.is_(None)
    if (await connection.execute(update(users).where(living).values(values))).rowcount == 0:
        new = insert(users).values(values | {"id": preferences.id, "created": now})
        await connection.execute(new)


async def _put(
    connection: AsyncConnection,
    table: Table,
    mine: ColumnElement[bool],
    rows: list[Values],
    now: datetime,
) -> None:
    # All are deleted for a moment, so that two may swap their names.
    living = table.c.deleted.is_(None)
    await connection.execute(update(table).where(mine, living).values(deleted=now))
    known = set(await connection.scalars(select(table.c.id).where(mine)))
    changed = update(table).where(table.c.id == bindparam("known")).values(deleted=None)
    if old := [row | {"known": row["id"]} for row in rows if row["id"] in known]:
        await connection.execute(changed, old)
    if new := [row for row in rows if row["id"] not in known]:
        await connection.execute(insert(table), new)


async def _link(
    connection: AsyncConnection, user: UserId, rows: list[Values], keep: Collection[str]
) -> None:
    rules, links = tables.rules.c, tables.rule_destinations
    mine = select(rules.id).where(
        rules.user_id == user, rules.deleted.is_(None), rules.id.not_in(keep)
    )
    old = links.c.rule_id.in_(mine) & links.c.destination_id.not_in(keep)
    await connection.execute(delete(links).where(old))
    if rows:
        await connection.execute(insert(links), rows)
