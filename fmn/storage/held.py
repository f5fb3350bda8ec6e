"""What waits, in SQL: put there once, and going as one release after another, oldest first.

A release is begun in one transaction and ended in another; between the two it goes into its lane.
Whoever dies in between has lost nothing: what is begun is found again, and goes only once.
Whoever puts something there and whoever removes it take turns, so contents stay while needed.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Select, Text, cast, delete, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.emission import Release, Withheld
from fmn.model import Key, Origin, split_key
from fmn.storage.columns import REFUSED
from fmn.storage.releasing import release_of
from fmn.storage.statements import among, insert, is_postgresql
from fmn.storage.tables import contents, held

TURN = 0x68656C64
"""The lock of PostgreSQL for rows and contents together: "held" as a number."""
PIECE = 500
"""Rows of one release at most: it goes in one unit, which must not keep Redis from the others."""

Values = dict[str, Any]
Others = set[tuple[Key, Origin]]


async def put(connection: AsyncConnection, withheld: Iterable[Withheld]) -> Others:
    """Put what is withheld there; return what is left out, as another origin's is there already.

    What is there from its own origin was put before: nothing changes.
    """
    await _take_turn(connection, alone=False)
    values = [value for one in withheld for value in _values(one)]
    if not values:
        return set()
    # Everybody locks rows in the same order, else two wait for each other.
    rows = sorted((row for row, _ in values), key=lambda row: (row["key"], row["since"]))
    new = insert(connection, held).on_conflict_do_nothing(index_elements=["key"])
    added = set(await connection.scalars(new.returning(held.c.key), rows))
    needed = {row["content"]: content for row, content in values if row["key"] in added}
    await _put_contents(connection, needed)
    return await _others(connection, rows)


async def lanes(connection: AsyncConnection) -> list[tuple[int, str]]:
    """Return channel and kind of each lane something waits for."""
    found: list[tuple[int, str]] = []
    of, last = held.c, (-1, "")
    # One look at an index for each: a list of all different ones would be made from all rows.
    lane = select(of.channel, of.kind).order_by(of.channel, of.kind).limit(1)
    while row := (await connection.execute(lane.where(tuple_(of.channel, of.kind) > last))).first():
        last = row.channel, row.kind
        found.append(last)
    return found


async def begin(connection: AsyncConnection, k: int, kind: str, *, room: int) -> Release | None:
    """Begin to release the oldest that wait for a lane, at most so many chunks of them.

    None where nothing waits.
    """
    of = held.c
    waiting = (of.channel == k, of.kind == kind, of.release_id.is_(None), of.due.is_(None))
    oldest = select(held).where(*waiting).order_by(of.since, of.place, of.key).limit(PIECE)
    # Who is deleting an account holds theirs: these are none of ours any more.
    rows = (await connection.execute(oldest.with_for_update(skip_locked=True))).all()
    entries = list(dict.fromkeys((row.since, row.place) for row in rows))[:room]
    chosen = [row for row in rows if (row.since, row.place) in set(entries)]
    if not chosen:
        return None
    id_ = secrets.token_hex(16)
    going = update(held).where(among(connection, of.key, [row.key for row in chosen]))
    await connection.execute(going.values(release_id=id_, released_at=datetime.now(UTC)))
    return await release_of(connection, id_, chosen)


async def begun(connection: AsyncConnection) -> list[str]:
    """Return the ids of releases that were begun and have not ended, oldest first."""
    of = held.c
    found = select(of.release_id).where(of.release_id.is_not(None)).group_by(of.release_id)
    return list(await connection.scalars(found.order_by(func.min(of.released_at), of.release_id)))


async def again(connection: AsyncConnection, release_id: str) -> Release | None:
    """Return a release that was begun, as things are now; None where it has ended meanwhile."""
    of = held.c
    theirs = select(held).where(of.release_id == release_id)
    rows = (await connection.execute(theirs.order_by(of.since, of.place, of.key))).all()
    return await release_of(connection, release_id, rows) if rows else None


async def end(connection: AsyncConnection, releases: Collection[str]) -> None:
    """Remove what has gone with these releases, and the contents nothing waits for any more."""
    await _take_turn(connection, alone=True)
    theirs = _keys(among(connection, held.c.release_id, list(releases)))
    gone = delete(held).where(held.c.key.in_(theirs)).returning(held.c.content)
    hashes = sorted(set(await connection.scalars(gone)))
    used = select(held.c.key).where(held.c.content == contents.c.hash).exists()
    this = among(connection, contents.c.hash, hashes)
    await connection.execute(delete(contents).where(this, ~used))


async def erase(connection: AsyncConnection, destinations: Collection[str]) -> None:
    """Erase what waits for destinations of a deleted account.

    Only that something waited is left, as a release that is begun: so it is counted, and once.
    """
    of = held.c
    new = literal(f"{secrets.token_hex(16)}-") + cast(of.channel, Text) + literal("-") + of.kind
    values: Values = {
        "rules": {},
        "token": "",
        "footer": "",
        "release_id": func.coalesce(of.release_id, new),
        "released_at": func.coalesce(of.released_at, datetime.now(UTC)),
    }
    theirs = _keys(among(connection, of.destination_id, sorted(destinations)))
    await connection.execute(update(held).where(of.key.in_(theirs)).values(values))


async def _take_turn(connection: AsyncConnection, *, alone: bool) -> None:
    if is_postgresql(connection):  # on SQLite whoever writes is alone
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await connection.execute(select(lock(TURN)))


def _keys(which: Any) -> Select[Any]:  # noqa: ANN401  # a condition
    """Return a choice of rows, locked in the order of everybody."""
    return select(held.c.key).where(which).order_by(held.c.key).with_for_update()


def _values(withheld: Withheld) -> Iterator[tuple[Values, bytes]]:
    """Yield a row for each notification, and its content."""
    chunk = withheld.chunk
    packed = msgspec.msgpack.encode(chunk.content)
    since, _, place = withheld.entry.partition("-")
    for recipient in chunk.recipients:
        for key in recipient.keys:
            yield (
                {
                    "key": _stored(key),
                    "destination_id": split_key(key)[1],
                    "kind": chunk.content.kind,
                    "channel": withheld.channel,
                    "origin": chunk.origin,
                    "since": int(since),
                    "place": int(place),
                    "due": withheld.due,
                    "reason": withheld.reason,
                    "rules": recipient.rules,
                    "token": recipient.token,
                    "footer": recipient.footer,
                    "content": blake2b(packed, digest_size=16).hexdigest(),
                },
                packed,
            )


def _stored(text: str) -> str:
    """Return text as the database keeps it."""
    return REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


async def _put_contents(connection: AsyncConnection, packed: dict[str, bytes]) -> None:
    rows = [{"hash": hash_, "packed": packed[hash_]} for hash_ in sorted(packed)]
    if rows:
        await connection.execute(insert(connection, contents).on_conflict_do_nothing(), rows)


async def _others(connection: AsyncConnection, rows: Sequence[Values]) -> Others:
    keys = sorted({row["key"] for row in rows})
    found = select(held.c.key, held.c.origin).where(among(connection, held.c.key, keys))
    there: dict[str, str] = {row.key: row.origin for row in await connection.execute(found)}
    return {
        (row["key"], row["origin"]) for row in rows if there[row["key"]] != _stored(row["origin"])
    }
