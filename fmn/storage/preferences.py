"""Preferences in SQL: load them, save them, and ask whose have changed.

Whoever saves takes a turn first, so the feed's numbers are in the order of commits: who has
seen number 7 will never find a 6 later.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.errors import PreferencesError
from fmn.model import UserId
from fmn.preferences.values import Preferences
from fmn.storage import tables
from fmn.storage.engine import take_turn
from fmn.storage.rows import (
    Columns,
    Kinds,
    Values,
    destination_of,
    entry_of,
    links_of,
    readable,
    rows_of,
    rule_of,
)

MANY = 1000
"""Users to name in one statement; databases limit its parameters."""

T = TypeVar("T")


async def load_all(connection: AsyncConnection, kinds: Kinds) -> list[Preferences]:
    """Return the preferences of all users, by name; of a deleted account empty ones.

    A rule or destination that cannot be read is left out, with a log line.
    """
    return await _load(connection, kinds, tables.users.c.id.is_not(None))


async def load_users(
    connection: AsyncConnection, users: Collection[UserId], kinds: Kinds
) -> list[Preferences]:
    """Return the preferences of those of these users who exist; see `load_all`."""
    ids = sorted(users)
    found: list[Preferences] = []
    for start in range(0, len(ids), MANY):
        some = ids[start : start + MANY]
        found += await _load(connection, kinds, tables.users.c.id.in_(some))
    return found


async def load_user(connection: AsyncConnection, name: str, kinds: Kinds) -> Preferences | None:
    """Return the preferences of the user of this name; see `load_all`."""
    users = tables.users.c
    found = await _load(connection, kinds, (users.name == name) & users.deleted.is_(None))
    return found[0] if found else None


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


async def _load(
    connection: AsyncConnection, kinds: Kinds, chosen: ColumnElement[bool]
) -> list[Preferences]:
    users = tables.users
    found = (await connection.execute(select(users).where(chosen).order_by(users.c.name))).all()
    names = {row.id: row.name for row in found}
    heard = _by_user(
        await _living(connection, tables.destinations, chosen),
        lambda row: destination_of(row, names[row.user_id]),
    )
    told = [each for theirs in heard.values() for each in theirs]
    links = links_of(await _links(connection, chosen), told)
    judged = _by_user(
        await _living(connection, tables.rules, chosen),
        lambda row: rule_of(row, names[row.user_id], kinds, links[row.id]),
    )
    return [
        Preferences(
            id=row.id,
            user=row.name,
            groups=tuple(row.groups),
            destinations=tuple(heard[row.id]),
            rules=tuple(judged[row.id]),
        )
        for row in found
    ]


async def _living(
    connection: AsyncConnection, table: Table, chosen: ColumnElement[bool]
) -> Iterable[Row[Any]]:
    theirs = select(table).select_from(tables.users.join(table)).order_by(table.c.position)
    return await connection.execute(theirs.where(chosen, table.c.deleted.is_(None)))


async def _links(connection: AsyncConnection, chosen: ColumnElement[bool]) -> Iterable[Row[Any]]:
    link = tables.rule_destinations
    every = tables.users.join(tables.rules).join(link)
    theirs = select(link).select_from(every).order_by(link.c.position)
    return await connection.execute(theirs.where(chosen, tables.rules.c.deleted.is_(None)))


def _by_user(rows: Iterable[Columns], read: Callable[[Columns], T]) -> Mapping[UserId, list[T]]:
    found: defaultdict[UserId, list[T]] = defaultdict(list)
    for row, value in readable(rows, read):
        found[row.user_id].append(value)
    return found


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
