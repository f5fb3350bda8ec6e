"""Looking back into the history: what reached a user, how much of it, and what became of it.

Whoever looks sees of private messages only those that name them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.emission import State
from fmn.model import OWN, DestinationId, Message, MessageId, RuleId, UserId
from fmn.storage import message_rows
from fmn.storage.message_rows import WITHOUT_BODY
from fmn.storage.statements import among, each_of, quarter_of
from fmn.storage.tables import deliveries, destinations, messages, rules, users

QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_PRIVATE = 100
"""How many private messages with one URL are looked at for one that may be seen."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A message in the history."""

    message: Message
    """With the owners as they were."""
    at: datetime
    """When a worker handled it; UTC."""
    version: int
    """Of the rule set that judged."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of one notification of a user."""

    key: str
    message: MessageId
    summary: str
    """Empty where the message is no longer, or never was, in the history (a test, say)."""
    url: str | None
    app: str | None
    destination: DestinationId
    name: str
    """Of the destination, also of a deleted one."""
    kind: str
    rules: Mapping[RuleId, str]
    """Id → name, also of deleted ones."""
    state: State
    reason: str | None
    attempts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many notifications of one rule, by one kind, one day brought."""

    day: date
    rule: RuleId
    kind: str
    sent: int
    """Distinct notifications in state sent."""


async def reached(
    connection: AsyncConnection,
    user: UserId,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Reached]:
    """Return what became of the user's notifications, the newest first.

    `before` is `at` and `key` of the last one seen, for the next page. Confirmations and tests
    (no message behind them) are left out.
    """
    of = deliveries.c
    found = _told(user).where(_of_the_bus()).order_by(of.at.desc(), of.key.desc()).limit(limit)
    if before:
        found = found.where(tuple_(of.at, of.key) < tuple_(*before))
    return await _read(connection, found)


async def outcomes(connection: AsyncConnection, user: UserId, message: MessageId) -> list[Reached]:
    """Return what became of one message for this user, by destination name."""
    found = _told(user).where(deliveries.c.message_id == message)
    return await _read(connection, found.order_by(destinations.c.name, deliveries.c.key))


async def last_word(connection: AsyncConnection, user: UserId) -> Mapping[DestinationId, Reached]:
    """Return the newest outcome at each of the user's destinations, tests included.

    What was suppressed never went there, so it says nothing of it.
    """
    of = deliveries.c
    newest = (
        select(of.key)
        .where(of.user_id == user, of.destination_id == destinations.c.id)
        .where(of.state != State.SUPPRESSED.value)
        .order_by(of.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    mine = select(newest).where(destinations.c.user_id == user, destinations.c.deleted.is_(None))
    found = await _read(connection, _told(user).where(of.key.in_(mine)))
    return {each.destination: each for each in found}


async def daily(
    connection: AsyncConnection, user: UserId, *, since: datetime, zone: tzinfo
) -> list[Count]:
    """Return how many were sent, by local day of `zone`, rule and kind.

    A notification that two rules chose counts for each.
    """
    # Clocks differ by whole quarters of an hour: so the database adds up by these.
    told = deliveries.c
    quarter, rule = quarter_of(connection, told.at), each_of(connection, told.rules)
    found = select(quarter, rule, told.kind, func.count()).select_from(deliveries)
    found = found.where(*_sent(user, since)).group_by(quarter, rule, told.kind)
    sums: Counter[tuple[date, str, str]] = Counter()
    for number, id_, kind, sent in await connection.execute(found):
        sums[(number * QUARTER + EPOCH).astimezone(zone).date(), id_, kind] += sent
    return [Count(day, RuleId(id_), kind, sent) for (day, id_, kind), sent in sorted(sums.items())]


async def daily_by_kind(
    connection: AsyncConnection, user: UserId, *, since: datetime, zone: tzinfo
) -> Mapping[tuple[date, str], int]:
    """Return how many were sent, by local day of `zone` and kind; each once."""
    told = deliveries.c
    quarter = quarter_of(connection, told.at)
    found = select(quarter, told.kind, func.count()).select_from(deliveries)
    found = found.where(*_sent(user, since)).group_by(quarter, told.kind)
    sums: Counter[tuple[date, str]] = Counter()
    for number, kind, sent in await connection.execute(found):
        sums[(number * QUARTER + EPOCH).astimezone(zone).date(), kind] += sent
    return sums


async def sent_since(connection: AsyncConnection, user: UserId, *, since: datetime) -> int:
    """Return how many of the user's notifications were sent; each once."""
    found = select(func.count()).select_from(deliveries).where(*_sent(user, since))
    return (await connection.execute(found)).scalar_one()


async def message_of(connection: AsyncConnection, id_or_url: str, *, viewer: str) -> Judged | None:
    """Return the message with this id, or else the newest with this URL, that `viewer` may see."""
    of = messages.c
    found = select(*(*WITHOUT_BODY, of.handled_at, of.version))
    latest = found.where(of.url == id_or_url).order_by(of.handled_at.desc(), of.number.desc())
    private = latest.where(of.private).limit(MOST_PRIVATE)
    rows = [
        *await connection.execute(found.where(of.id == id_or_url)),
        *await connection.execute(latest.where(~of.private).limit(1)),
        *await connection.execute(private),
    ]
    rows.sort(key=lambda row: (row.id == id_or_url, row.handled_at), reverse=True)
    visible = (row for row in rows if _may_see(viewer, message_rows.message_of(row)))
    row = next(visible, None)
    if row is None:
        return None
    behind = await connection.execute(select(of.body).where(of.number == row.number))
    return Judged(message_rows.message_of(row, behind.scalar_one()), row.handled_at, row.version)


def _told(user: UserId) -> Select[Any]:
    """Return a choice of all that is told of the user's notifications."""
    return (
        select(deliveries, destinations.c.name, users.c.name.label("user"), *WITHOUT_BODY)
        .outerjoin(destinations, destinations.c.id == deliveries.c.destination_id)
        .outerjoin(users, users.c.id == deliveries.c.user_id)
        .outerjoin(messages, messages.c.id == deliveries.c.message_id)
        .where(deliveries.c.user_id == user)
    )


def _of_the_bus() -> ColumnElement[bool]:
    return func.substr(deliveries.c.message_id, 1, len(OWN)) != OWN


def _sent(user: UserId, since: datetime) -> tuple[ColumnElement[bool], ...]:
    of = deliveries.c
    return (of.user_id == user, of.at >= since, of.state == State.SENT.value, _of_the_bus())


async def _read(connection: AsyncConnection, found: Select[Any]) -> list[Reached]:
    rows = (await connection.execute(found)).all()
    ids = sorted({id_ for row in rows for id_ in row.rules})
    named = select(rules.c.id, rules.c.name).where(among(connection, rules.c.id, ids))
    names = {row.id: row.name for row in await connection.execute(named)}
    return [_reached(row, names) for row in rows]


def _reached(row: Row[Any], names: Mapping[str, str]) -> Reached:
    shown = _shown(row)
    return Reached(
        key=row.key,
        message=MessageId(row.message_id),
        summary=shown.summary,
        url=shown.url,
        app=shown.app,
        destination=DestinationId(row.destination_id),
        name=row.name or row.destination_id,
        kind=row.kind,
        rules={RuleId(id_): names.get(id_, id_) for id_ in row.rules},
        state=State(row.state),
        reason=row.reason,
        attempts=row.attempts,
        at=row.at,
    )


def _shown(row: Row[Any]) -> Message:
    nothing = Message(MessageId(row.message_id), topic="")
    message = nothing if row.number is None else message_rows.message_of(row)
    return message if _may_see(row.user, message) else nothing


def _may_see(viewer: str, message: Message) -> bool:
    return not message.private or message.names(viewer)
