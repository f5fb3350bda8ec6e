"""Messages of the history that a rule might have matched, found by access keys.

Bounded: of each day at most so many are read, the newest; how many there were is counted apart.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, islice
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.model import Message
from fmn.rules.access import Field
from fmn.storage import tables
from fmn.storage.covers import Cover, narrowest
from fmn.storage.filing import OVERLONG
from fmn.storage.message_rows import WITHOUT_BODY, message_of
from fmn.storage.statements import among, is_postgresql
from fmn.storage.tables import message_keys, messages

Span = tuple[datetime, datetime]

COUNTED = 100_000
"""How many candidates of one stretch are counted; where there are more, that is the number."""

MOST_BYTES = 8_000_000
"""How long the bodies of one sample may be together."""

MOST_READ = 100_000
"""How many values are read to find one that has other letters than those of ASCII."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What might match in one stretch of time, usually a day."""

    start: datetime
    end: datetime
    candidates: int
    """How many messages have one of the keys; counted up to `COUNTED`."""
    messages: tuple[Message, ...]
    """The newest of them, at most as many as asked for, bodies included."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that the history holds."""

    value: str
    messages: int
    """In how many messages it stood."""


async def samples(
    connection: AsyncConnection,
    covers: Collection[Cover],
    spans: Collection[Span],
    *,
    at_most: int,
) -> list[Sample]:
    """Return a sample for each span (half-open), of when messages were handled.

    `covers` has a set of keys for each filter that knows some: every match has one key of *each*
    set. The one with the fewest messages is used. Without any, every message is a candidate.
    Patterns are resolved against the values seen.
    """
    keys = await narrowest(connection, covers)
    if keys is not None and not keys:
        return [Sample(*span, 0, ()) for span in spans]
    return [await _sample(connection, keys, span, at_most) for span in spans]


async def seen(
    connection: AsyncConnection, field: Field, *, containing: str = "", limit: int = 20
) -> list[Seen]:
    """Return values of public messages, the most frequent first; `containing` whatever its case."""
    of = tables.seen.c
    found = (
        select(of.value, of.messages)
        .where(of.field == field, of.public, of.value != OVERLONG)
        .order_by(of.messages.desc(), of.value)
    )
    if containing.isascii():
        found = found.where(of.value.icontains(containing, autoescape=True)).limit(limit)
        return [Seen(*row) for row in await connection.execute(found)]
    # SQLite knows the cases of ASCII only.
    folded = containing.casefold()
    rows = await connection.execute(found.limit(MOST_READ))
    fitting = (Seen(*row) for row in rows if folded in row.value.casefold())
    return list(islice(fitting, limit))


async def _sample(
    connection: AsyncConnection, keys: Sequence[int] | None, span: Span, at_most: int
) -> Sample:
    every = (await _candidates(connection, keys, span)).limit(COUNTED).subquery()
    newest = select(every.c.number, func.count().over().label("candidates")).limit(at_most)
    found = (await connection.execute(newest)).all()
    numbers = await _as_many_as_fit(connection, [row.number for row in found])
    candidates = found[0].candidates if found else 0
    return Sample(*span, candidates, await _read(connection, numbers))


async def _candidates(
    connection: AsyncConnection, keys: Sequence[int] | None, span: Span
) -> Select[Any]:
    """Return a choice of the numbers of all candidates in a span, the newest first."""
    of = messages.c
    # Sums, so that no database thinks it quick to go through all numbers for those of a span.
    number = of.number + 0
    within = (of.handled_at >= span[0], of.handled_at < span[1])
    every = select(of.number).where(*within).order_by(of.handled_at.desc(), of.number.desc())
    if keys is None:
        return every
    ends = select(func.min(number), func.max(number)).where(*within)
    # Numbers grow with time, but not strictly: they narrow what is read, and time decides.
    first, last = (await connection.execute(ends)).one()
    filed = select(message_keys.c.message).where(
        among(connection, message_keys.c.key, keys), message_keys.c.message.between(first, last)
    )
    return every.where((of.number if is_postgresql(connection) else number).in_(filed))


async def _as_many_as_fit(connection: AsyncConnection, numbers: Sequence[int]) -> list[int]:
    """Return the first of these numbers, until their bodies are together too long."""
    of = messages.c
    found = select(of.number, func.length(of.body).label("bytes"))
    rows = await connection.execute(found.where(among(connection, of.number, numbers)))
    sizes = {row.number: row.bytes for row in rows}
    sums = accumulate(sizes[number] for number in numbers)
    return [number for number, sum_ in zip(numbers, sums, strict=True) if sum_ <= MOST_BYTES]


async def _read(connection: AsyncConnection, numbers: Sequence[int]) -> tuple[Message, ...]:
    """Return the messages with these numbers, in this order."""
    found = select(*(*WITHOUT_BODY, messages.c.body))
    rows = await connection.execute(found.where(among(connection, messages.c.number, numbers)))
    read = {row.number: message_of(row, row.body) for row in rows}
    return tuple(read[number] for number in numbers)
