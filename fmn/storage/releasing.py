"""What becomes of held notifications when they go, as destinations and rules are by then."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.emission import Chunk, Content, Outcome, Recipient, Release, State
from fmn.model import Destination, DestinationState, Key, Origin
from fmn.storage import tables
from fmn.storage.rows import destination_of
from fmn.storage.statements import among

Held = Row[Any]
"""A row of what waits."""


async def release_of(connection: AsyncConnection, id_: str, rows: Sequence[Held]) -> Release:
    """Return the release of these rows, of one channel and kind, oldest first."""
    now = await _now(connection, rows)
    known = [row for row in rows if row.destination_id in now.destinations]
    why = {row.key: now.why_not(row) for row in known}
    going = groupby((row for row in known if not why[row.key]), key=_entry)
    return Release(
        id=id_,
        channel=rows[0].channel,
        kind=rows[0].kind,
        entries=frozenset(map(_entry, rows)),
        chunks=tuple(now.chunk(list(some)) for _, some in going),
        suppressed=tuple(_suppressed(row, why[row.key], now.at) for row in known if why[row.key]),
        erased=len(rows) - len(known),
    )


@dataclass(frozen=True, slots=True)
class _Now:
    """What of the preferences counts for some rows, at one moment."""

    at: datetime
    destinations: Mapping[str, Destination | None]
    """None: it was deleted; those of deleted accounts are missing."""
    telling: frozenset[tuple[str, str]]
    """Rule and destination, where the rule is there, on, and tells this destination."""
    contents: Mapping[str, Content]

    def why_not(self, row: Held) -> str:
        """Return why this is not to be sent any more; empty where it is."""
        to = self.destinations[row.destination_id]
        if to is None:
            return "deleted"
        if (state := to.state_at(self.at)) is not DestinationState.ACTIVE:
            return state.value
        if row.rules and not any((rule, to.id) in self.telling for rule in row.rules):
            return "stopped"
        return "" if row.content in self.contents else "unreadable"

    def chunk(self, rows: Sequence[Held]) -> Chunk:
        """Return a chunk again, for those who are still to get it."""
        by_destination = groupby(
            sorted(rows, key=lambda row: (row.destination_id, row.key)),
            key=lambda row: row.destination_id,
        )
        recipients = tuple(self._recipient(to, list(some)) for to, some in by_destination)
        return Chunk(Origin(rows[0].origin), self.contents[rows[0].content], recipients)

    def _recipient(self, destination: str, rows: Sequence[Held]) -> Recipient:
        to, first = self.destinations[destination], rows[0]
        return Recipient(
            keys=tuple(Key(row.key) for row in rows),
            address=to.address if to else "",
            rules=first.rules,
            token=first.token,
            footer=first.footer,
        )


async def _now(connection: AsyncConnection, rows: Iterable[Held]) -> _Now:
    ids = sorted({row.destination_id for row in rows})
    hashes = sorted({row.content for row in rows})
    to, rule, link = tables.destinations, tables.rules, tables.rule_destinations
    told = await connection.execute(select(to).where(among(connection, to.c.id, ids)))
    telling = (
        select(link.c.rule_id, link.c.destination_id)
        .join_from(link, rule)
        .where(among(connection, link.c.destination_id, ids))
        .where(rule.c.deleted.is_(None), rule.c.enabled, rule.c.blocked == "")
    )
    packed = select(tables.contents).where(among(connection, tables.contents.c.hash, hashes))
    return _Now(
        at=datetime.now(UTC),
        destinations={row.id: None if row.deleted else destination_of(row, "") for row in told},
        telling=frozenset((row[0], row[1]) for row in await connection.execute(telling)),
        contents=dict(_readable(await connection.execute(packed))),
    )


def _readable(rows: Iterable[Row[Any]]) -> Iterator[tuple[str, Content]]:
    for row in rows:
        try:
            yield row.hash, msgspec.msgpack.decode(row.packed, type=Content)
        except msgspec.DecodeError:
            continue  # what cannot be read is not sent, and whose it is learns why


def _entry(row: Held) -> str:
    return f"{row.since}-{row.place}"


def _suppressed(row: Held, why: str, at: datetime) -> Outcome:
    return Outcome(Key(row.key), row.kind, tuple(row.rules), State.SUPPRESSED, at, reason=why)
