"""Accounts: who people are to fmn, apart from their rules and destinations."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.model import UserId
from fmn.storage import audit, held
from fmn.storage.engine import take_turn
from fmn.storage.tables import (
    deliveries,
    destinations,
    preference_changes,
    refusals,
    rule_destinations,
    rules,
    tokens,
    users,
)

LIVING = users.c.deleted.is_(None)


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the pages know one."""

    id: UserId
    name: str
    time_zone: str
    """An IANA name; empty until detected or chosen."""
    created: datetime
    """UTC."""


async def account(connection: AsyncConnection, name: str) -> Account | None:
    """Return the account of this name."""
    return await _one(connection, users.c.name == name)


async def account_by_id(connection: AsyncConnection, user: UserId) -> Account | None:
    """Return the account with this id."""
    return await _one(connection, users.c.id == user)


async def accounts(
    connection: AsyncConnection, *, search: str = "", after: str = "", limit: int = 50
) -> list[Account]:
    """Return accounts whose name contains `search`, by name, those after the name `after`.

    Case does not count in `search`, and no character stands for another.
    """
    name = users.c.name
    found = select(users).where(LIVING, name.icontains(search, autoescape=True), name > after)
    rows = await connection.execute(found.order_by(name).limit(limit))
    return list(map(_account, rows))


async def set_time_zone(connection: AsyncConnection, user: UserId, time_zone: str) -> None:
    """Set the time zone of a user, an IANA name."""
    theirs = update(users).where(users.c.id == user, LIVING)
    await connection.execute(theirs.values(time_zone=time_zone))


async def delete_account(connection: AsyncConnection, user: UserId) -> frozenset[str]:
    """Erase name, addresses, rules, tokens, deliveries, what is held; return ids of destinations.

    The row stays under a name that is nobody's, as does its feed, emptied: workers learn from
    a last change that there is nothing left. What waits in queues is for `queues.purge`, and so
    again for a while what was in somebody's hand then (`erased_since`).
    """
    await take_turn(connection)
    found = await _one(connection, users.c.id == user)
    if found is None:
        return frozenset()
    theirs = destinations.c.user_id == user
    ids = frozenset(await connection.scalars(select(destinations.c.id).where(theirs)))
    await _erase(connection, user)
    await held.erase(connection, ids)
    await _rename(connection, found)
    await _note_end(connection, user, ids)
    return ids


async def erased_since(connection: AsyncConnection, since: datetime) -> frozenset[str]:
    """Return ids of the destinations of accounts deleted since: what to purge again."""
    last = select(preference_changes.c.preferences).join(users).where(users.c.deleted >= since)
    entries = await connection.scalars(last)
    return frozenset(each for entry in entries for each in entry.get("erased", ()))


async def erase_late(connection: AsyncConnection, destinations: frozenset[str]) -> None:
    """Erase what was recorded or held of deleted accounts in the moment of the deletion."""
    await held.erase(connection, destinations)
    gone = select(users.c.id).where(users.c.deleted.is_not(None))
    await connection.execute(delete(deliveries).where(deliveries.c.user_id.in_(gone)))


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Account | None:
    row = (await connection.execute(select(users).where(which, LIVING))).one_or_none()
    return _account(row) if row else None


def _account(row: Row[Any]) -> Account:
    return Account(row.id, row.name, row.time_zone, row.created)


def _nobody(user: UserId) -> str:
    return f"deleted {user}"  # names have no spaces: so nobody can sign in with this one


async def _erase(connection: AsyncConnection, user: UserId) -> None:
    mine = select(rules.c.id).where(rules.c.user_id == user)
    await connection.execute(delete(rule_destinations).where(rule_destinations.c.rule_id.in_(mine)))
    theirs = select(destinations.c.id).where(destinations.c.user_id == user)
    await connection.execute(delete(refusals).where(refusals.c.destination_id.in_(theirs)))
    for table in (rules, destinations, tokens, preference_changes):
        await connection.execute(delete(table).where(table.c.user_id == user))
    # In the order of the recorder's writes, else each waits for the other.
    keys = select(deliveries.c.key).where(deliveries.c.user_id == user).order_by(deliveries.c.key)
    await connection.execute(delete(deliveries).where(deliveries.c.key.in_(keys.with_for_update())))


async def _rename(connection: AsyncConnection, old: Account) -> None:
    new, feed = _nobody(old.id), preference_changes
    await connection.execute(
        update(users)
        .where(users.c.id == old.id)
        .values(name=new, groups=[], time_zone="", deleted=datetime.now(UTC))
    )
    await connection.execute(update(feed).where(feed.c.by == old.name).values(by=new))
    await audit.rename(connection, old.name, new)


async def _note_end(connection: AsyncConnection, user: UserId, ids: frozenset[str]) -> None:
    name = _nobody(user)
    nothing: dict[str, list[str]] = {"destinations": [], "rules": [], "rule_destinations": []}
    entry = {"user": name, "groups": [], "erased": sorted(ids)} | nothing
    last = {"user_id": user, "at": datetime.now(UTC), "by": name, "preferences": entry}
    await connection.execute(insert(preference_changes).values(last))
