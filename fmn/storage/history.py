"""History in SQL: messages, and what became of their notifications.

The log tells everything at least once and in any order. So a message is written once, and of
two outcomes of one notification the one of higher rank holds; of two of the same rank, the
later one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import DestinationId, MessageId, split_key
from fmn.storage import filing
from fmn.storage.message_rows import WITHOUT_BODY, row_of
from fmn.storage.statements import Insert, among, insert, oldest
from fmn.storage.tables import deliveries as records
from fmn.storage.tables import destinations, messages, rules, users

Values = dict[str, Any]


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
    """Write these lines of the log; what was written before does not matter.

    What was learned of destinations is not history (`storage.learned`).
    What became of notifications of a deleted account is left out; where a destination is not
    known here, so is the reason, which may quote its address.
    """
    handled: list[Handled] = []
    outcomes: list[Outcome] = []
    for line in lines:
        if isinstance(line, Handled):
            handled.append(line)
        elif isinstance(line, Outcome):
            outcomes.append(line)
    # Values that everybody counts come last: so they are locked for the shortest time.
    if outcomes:
        await _put_deliveries(connection, outcomes)
    if handled:
        await filing.put(connection, await _put_messages(connection, handled))


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
    at_most: int = 2_000,
) -> int:
    """Erase what was handled, seen or last heard of, before; return how many rows went.

    Takes at most so many of each, so that nobody waits long: repeat until nothing went.
    """
    gone = await _forget_messages(connection, messages_before, at_most)
    gone += await filing.forget(connection, before=messages_before, at_most=at_most)
    return gone + await _forget_deliveries(connection, deliveries_before, at_most)


async def _put_messages(
    connection: AsyncConnection, lines: Iterable[Handled]
) -> Sequence[Row[Any]]:
    """Write messages; return the rows of those that are new, without their bodies."""
    # Everybody locks rows in the same order, else two recorders wait for each other.
    rows = sorted(map(row_of, lines), key=lambda row: row["id"])
    new = insert(connection, messages).on_conflict_do_nothing(index_elements=["id"])
    told = new.returning(*WITHOUT_BODY, messages.c.handled_at)
    return (await connection.execute(told, rows)).all()


async def _put_deliveries(connection: AsyncConnection, lines: Collection[Outcome]) -> None:
    owners = await _owners(connection, {split_key(line.key)[1] for line in lines})
    rows = [
        _delivery_row(line, owner)
        for line in sorted(lines, key=lambda line: line.key)
        if not ((owner := owners.get(split_key(line.key)[1])) and owner.deleted)
    ]
    if rows:
        await connection.execute(_upsert(connection), rows)


async def _owners(
    connection: AsyncConnection, named: Collection[DestinationId]
) -> Mapping[str, Row[Any]]:
    """Return whose these destinations are, as far as they are known here."""
    of = destinations.c
    found: Select[Any] = (
        select(of.id, of.user_id, users.c.deleted)
        .join_from(destinations, users)
        .where(among(connection, of.id, list(named)))
        # They stay until what we say of them is written; those going just now are gone.
        .with_for_update(key_share=True, read=True, of=destinations, skip_locked=True)
    )
    return {row.id: row for row in await connection.execute(found)}


def _delivery_row(line: Outcome, owner: Row[Any] | None) -> Values:
    message, destination = split_key(line.key)
    return {
        "key": line.key,
        "message_id": message,
        "destination_id": destination,
        "user_id": owner and owner.user_id,
        "kind": line.kind,
        "rules": list(line.rules),
        "state": line.state.value,
        "rank": line.rank,
        "attempts": line.attempts,
        "reason": line.reason if owner else None,
        "at": line.at,
    }


def _upsert(connection: AsyncConnection) -> Insert:
    new = insert(connection, records)
    old, said = records.c, new.excluded
    holds = tuple_(said.rank, said.at) > tuple_(old.rank, old.at)
    news: Values = {
        name: case((holds, said[name]), else_=old[name])
        for name in ("rules", "state", "rank", "reason", "at")
    }
    most = case((said.attempts > old.attempts, said.attempts), else_=old.attempts)
    news |= {"attempts": most, "user_id": said.user_id}
    return new.on_conflict_do_update(index_elements=["key"], set_=news)


async def _forget_messages(connection: AsyncConnection, before: datetime, at_most: int) -> int:
    old = oldest(messages.c.handled_at, before, at_most, *WITHOUT_BODY)
    rows = (await connection.execute(old)).all()
    await filing.remove(connection, rows)
    numbers = [row.number for row in rows]
    await connection.execute(delete(messages).where(among(connection, messages.c.number, numbers)))
    return len(rows)


async def _forget_deliveries(connection: AsyncConnection, before: datetime, at_most: int) -> int:
    old = oldest(records.c.at, before, at_most, records.c.key)
    keys = (await connection.execute(old)).scalars().all()
    await connection.execute(delete(records).where(among(connection, records.c.key, keys)))
    return len(keys)
