"""Preferences in SQL: load them, save them, and ask whose have changed.

Whoever saves takes a turn first, so the feed's numbers are in the order of commits: who has
seen number 7 will never find a 6 later.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from sqlalchemy import ColumnElement, Row, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.errors import PreferencesError
from fmn.model import Destination, DestinationId, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.storage import tables
from fmn.storage.engine import take_turn
from fmn.storage.rows import Kinds, Values, destination_of, rows_of, rule_of

MANY = 1000
"""Users to name in one statement; databases limit its parameters."""

T = TypeVar("T")

log = structlog.get_logger()


async def load_all(connection: AsyncConnection, kinds: Kinds) -> list[Preferences]:
    """Return the preferences of all users, by name.

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
    found = await _load(connection, kinds, tables.users.c.name == name)
    return found[0] if found else None


async def save(connection: AsyncConnection, preferences: Preferences, *, by: str) -> int:
    """Make these the user's preferences; return the number of the change.

    What was there and is missing here is marked as deleted. Raises PreferencesError where a
    name or an address is taken, an id belongs to somebody else, or a rule names a destination
    that is not among these; then the transaction is over.
    """
    await take_turn(connection)
    now = datetime.now(UTC)
    saved = rows_of(preferences)
    try:
        await _put_user(connection, preferences, now)
        for table in (tables.destinations, tables.rules):
            await _put(connection, table, preferences.id, saved[table.name], now)
        await _link(connection, preferences.id, saved["rule_destinations"])
    except IntegrityError as refused:
        first = str(refused.orig).partition("\n")[0].rpartition(">: ")[2]
        raise PreferencesError(preferences.user, f"the database refuses them: {first}") from refused
    return await _note(connection, preferences, saved, by=by, now=now)


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
    by_id = {each.id: each for theirs in heard.values() for each in theirs}
    links = await _links(connection, chosen, by_id)
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


async def _links(
    connection: AsyncConnection,
    chosen: ColumnElement[bool],
    by_id: Mapping[DestinationId, Destination],
) -> Mapping[RuleId, list[Destination]]:
    link = tables.rule_destinations
    every = tables.users.join(tables.rules).join(link)
    theirs = select(link).select_from(every).where(chosen).order_by(link.c.position)
    links: defaultdict[RuleId, list[Destination]] = defaultdict(list)
    for row in await connection.execute(theirs):
        if row.destination_id in by_id:
            links[row.rule_id].append(by_id[row.destination_id])
    return links


def _by_user(rows: Iterable[Row[Any]], read: Callable[[Row[Any]], T]) -> Mapping[UserId, list[T]]:
    found: defaultdict[UserId, list[T]] = defaultdict(list)
    for row in rows:
        try:
            found[row.user_id].append(read(row))
        except Exception as failed:  # noqa: BLE001  # one bad row must not cost the others
            log.warning("left out", id=row.id, name=row.name, user=row.user_id, reason=str(failed))
    return found


async def _put_user(connection: AsyncConnection, preferences: Preferences, now: datetime) -> None:
    users = tables.users
    values = {"name": preferences.user, "groups": list(preferences.groups)}
    changed = update(users).where(users.c.id == preferences.id).values(values)
    if (await connection.execute(changed)).rowcount == 0:
        new = insert(users).values(values | {"id": preferences.id, "created": now})
        await connection.execute(new)


async def _put(
    connection: AsyncConnection, table: Table, user: UserId, rows: list[Values], now: datetime
) -> None:
    # All are deleted for a moment, so that two may swap their names.
    mine = table.c.user_id == user
    living = table.c.deleted.is_(None)
    await connection.execute(update(table).where(mine, living).values(deleted=now))
    known = set(await connection.scalars(select(table.c.id).where(mine)))
    changed = update(table).where(table.c.id == bindparam("known")).values(deleted=None)
    if old := [row | {"known": row["id"]} for row in rows if row["id"] in known]:
        await connection.execute(changed, old)
    if new := [row | {"user_id": user} for row in rows if row["id"] not in known]:
        await connection.execute(insert(table), new)


async def _link(connection: AsyncConnection, user: UserId, rows: list[Values]) -> None:
    rules, links = tables.rules.c, tables.rule_destinations
    mine = select(rules.id).where(rules.user_id == user, rules.deleted.is_(None))
    await connection.execute(delete(links).where(links.c.rule_id.in_(mine)))
    if rows:
        await connection.execute(insert(links), rows)


async def _note(
    connection: AsyncConnection, preferences: Preferences, saved: Values, *, by: str, now: datetime
) -> int:
    after = {"user": preferences.user, "groups": list(preferences.groups)} | saved
    feed = tables.preference_changes
    change = insert(feed).values(user_id=preferences.id, at=now, by=by, preferences=after)
    number: int = (await connection.execute(change.returning(feed.c.id))).scalar_one()
    return number
