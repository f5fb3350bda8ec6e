"""What senders learned of destinations: confirmed, gone, or refusing for too long."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fmn.config import Bouncing
from fmn.emission import Learned, News
from fmn.model import DestinationState
from fmn.preferences import states
from fmn.preferences.edits import NotThere
from fmn.storage.editing import Change, edit, owner_of
from fmn.storage.engine import reading, writing
from fmn.storage.rows import Kinds
from fmn.storage.statements import insert, oldest
from fmn.storage.tables import destinations, refusals

BY = "fmn"
"""Who made the change, as the feed and the pages say."""


async def learn(
    engine: AsyncEngine, lines: Sequence[Learned], *, kinds: Kinds, bouncing: Bouncing
) -> int:
    """Change destinations as was learned of them; return the number of the last change, or 0.

    The same line may come twice. What is nobody's any more is left out. Raises Unavailable.
    """
    version = 0
    for line in lines:
        change = await _change(engine, line, bouncing)
        if change is not None:
            version = await _applied(engine, line, kinds, change) or version
            async with writing(engine) as connection:
                await _forgive(connection, line)
    return version


async def forget_refusals(
    connection: AsyncConnection, before: datetime, at_most: int = 10_000
) -> int:
    """Erase refusals from before, at most so many; return how many went."""
    of = refusals.c
    rows = await connection.execute(oldest(of.at, before, at_most, of.destination_id, of.of))
    old = [{"old_destination": row.destination_id, "old_of": row.of} for row in rows]
    this = (of.destination_id == bindparam("old_destination"), of.of == bindparam("old_of"))
    if old:
        await connection.execute(delete(refusals).where(*this), old)
    return len(old)


async def _change(engine: AsyncEngine, line: Learned, bouncing: Bouncing) -> Change | None:
    """Return what becomes of the destination; None where a refusal is not the last straw."""
    if line.news is News.PROVEN:
        return partial(states.confirm, destination=line.destination)
    if line.news is News.GONE:
        return partial(states.retire, destination=line.destination, reason=line.reason)
    async with writing(engine) as connection:
        so_far = await _count(connection, line, since=line.at - bouncing.within)
    if so_far < bouncing.refusals:
        return None
    return partial(states.bounce, destination=line.destination, reason=line.reason, at=line.at)


async def _count(connection: AsyncConnection, line: Learned, *, since: datetime) -> int:
    """Note a refusal; return how many there are since, that one included.

    What comes back from a destination that is not written to any more is not counted: it was sent
    before, and whoever confirms the address again begins anew.
    """
    if not await _is_active(connection, line):
        return 0
    row = {"destination_id": line.destination, "of": line.of, "at": line.at}
    await connection.execute(insert(connection, refusals).values(row).on_conflict_do_nothing())
    theirs = (refusals.c.destination_id == line.destination) & (refusals.c.at >= since)
    return await connection.scalar(select(func.count()).where(theirs)) or 0


async def _is_active(connection: AsyncConnection, line: Learned) -> bool:
    of = destinations.c
    found = select(of.state, of.until).where(of.id == line.destination, of.deleted.is_(None))
    row = (await connection.execute(found)).one_or_none()
    if row is None:
        return False
    is_over = row.state == DestinationState.PAUSED and row.until and row.until <= line.at
    return bool(row.state == DestinationState.ACTIVE or is_over)


async def _applied(engine: AsyncEngine, line: Learned, kinds: Kinds, change: Change) -> int:
    async with reading(engine) as connection:
        owner = await owner_of(connection, line.destination)
    if owner is None:
        return 0
    try:
        return (await edit(engine, owner, kinds, change, by=BY))[1]
    except NotThere:  # deleted in between
        return 0


async def _forgive(connection: AsyncConnection, line: Learned) -> None:
    theirs = refusals.c.destination_id == line.destination
    await connection.execute(delete(refusals).where(theirs))
