"""History in SQL: messages, and what became of their notifications.

The log tells everything at least once and in any order. So a message is written once, and of
two outcomes of one notification the one of higher rank holds; of two of the same rank, the
later one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, bindparam, case, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.model import Handled, LogLine, Message, MessageId, Outcome, State, split_key
from fmn.storage.tables import deliveries as records
from fmn.storage.tables import destinations, messages, rules, users

Values = dict[str, Any]
Insert = postgresql.Insert | sqlite.Insert


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one notification, by the names people gave things."""

    message: MessageId
    user: str | None
    """None where the destination is not known here, as its name and address."""
    destination: str | None
    kind: str
    address: str | None
    rules: tuple[str, ...]
    """Names; the id of a rule that is not known here."""
    state: State
    reason: str | None


async def record(connection: AsyncConnection, lines: Iterable[LogLine]) -> None:
    """Write these lines of the log; what was written before does not matter."""
    handled: list[Values] = []
    outcomes: list[Values] = []
    for line in lines:
        if isinstance(line, Handled):
            handled.append(_message_row(line))
        else:
            outcomes.append(_delivery_row(line))
    # Everybody locks rows in the same order, else two recorders wait for each other.
    if handled:
        new = _insert(connection, messages).on_conflict_do_nothing(index_elements=["id"])
        await connection.execute(new, sorted(handled, key=lambda row: row["id"]))
    if outcomes:
        upsert = _upsert(connection)
        await connection.execute(upsert, sorted(outcomes, key=lambda row: row["key"]))


async def deliveries(connection: AsyncConnection) -> list[Delivery]:
    """Return all deliveries, the oldest news first."""
    theirs = rules.c.user_id.in_(select(records.c.user_id))
    known = await connection.execute(select(rules.c.id, rules.c.name).where(theirs))
    names = {row.id: row.name for row in known}
    found = (
        select(
            records,
            users.c.name.label("user"),
            destinations.c.name.label("destination"),
            destinations.c.address,
        )
        .outerjoin(destinations, destinations.c.id == records.c.destination_id)
        .outerjoin(users, users.c.id == records.c.user_id)
        .order_by(records.c.at, records.c.key)
    )
    return [
        Delivery(
            message=row.message_id,
            user=row.user,
            destination=row.destination,
            kind=row.kind,
            address=row.address,
            rules=tuple(names.get(rule, rule) for rule in row.rules),
            state=State(row.state),
            reason=row.reason,
        )
        for row in await connection.execute(found)
    ]


async def forget(
    connection: AsyncConnection,
    *,
    messages_before: datetime,
    deliveries_before: datetime,
    at_most: int = 10_000,
) -> int:
    """Erase what was handled, or last heard of, before; return how many rows went.

    Takes at most so many of each, so that nobody waits long: repeat until nothing went.
    """
    gone = await _erase(connection, messages.c.id, messages.c.handled_at, messages_before, at_most)
    return gone + await _erase(connection, records.c.key, records.c.at, deliveries_before, at_most)


async def _erase(
    connection: AsyncConnection,
    key: Column[str],
    at: Column[datetime],
    before: datetime,
    at_most: int,
) -> int:
    old = select(key).where(at < before).order_by(at).limit(at_most)
    gone = await connection.execute(delete(key.table).where(key.in_(old)))
    return gone.rowcount


def _message_row(line: Handled) -> Values:
    message = line.message
    return {
        "id": message.id,
        "facts": _facts(message),
        "owners": [
            {"artifact": of.artifact, "users": sorted(of.users), "groups": sorted(of.groups)}
            for of in message.owners
        ],
        "body": message.body,
        "sent_at": message.sent_at,
        "private": message.private,
        "handled_at": line.at,
        "version": line.version,
        "notifications": line.notifications,
    }


def _facts(message: Message) -> Values:
    return {
        "topic": message.topic,
        "app": message.app,
        "agent": message.agent,
        "users": sorted(message.users),
        "groups": sorted(message.groups),
        "artifacts": sorted(message.artifacts),
        "severity": int(message.severity),
        "summary": message.summary,
        "text": message.text,
        "url": message.url,
    }


def _delivery_row(line: Outcome) -> Values:
    message, destination = split_key(line.key)
    return {
        "key": line.key,
        "message_id": message,
        "destination_id": destination,
        "destination": destination,
        "kind": line.kind,
        "rules": list(line.rules),
        "state": line.state.value,
        "rank": line.state.rank,
        "attempts": line.attempts,
        "reason": line.reason,
        "at": line.at,
    }


def _insert(connection: AsyncConnection, table: Table) -> Insert:
    # Both databases take the same words; SQLAlchemy has them twice.
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _upsert(connection: AsyncConnection) -> Insert:
    owner = select(destinations.c.user_id).where(destinations.c.id == bindparam("destination"))
    new = _insert(connection, records).values(user_id=owner.scalar_subquery())
    old, said = records.c, new.excluded
    holds = tuple_(said.rank, said.at) > tuple_(old.rank, old.at)
    news: Values = {
        name: case((holds, said[name]), else_=old[name])
        for name in ("rules", "state", "rank", "reason", "at")
    }
    most = case((said.attempts > old.attempts, said.attempts), else_=old.attempts)
    news |= {"attempts": most, "user_id": said.user_id}
    return new.on_conflict_do_update(index_elements=["key"], set_=news)
