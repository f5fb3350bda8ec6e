"""Messages filed under their access keys, and the values there are.

A key is filed as a hash of 64 bits: where two share one, a message is looked at in vain. Values
are filed as the database keeps text, and all that are too long for an index as one.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.rules.access import Key, keys_of
from fmn.storage.columns import REFUSED
from fmn.storage.message_rows import message_of
from fmn.storage.statements import Insert, insert, oldest
from fmn.storage.tables import message_keys, seen

LONGEST = 500
"""Characters of a value that is filed as it is: an index takes no more than 2,700 bytes."""

OVERLONG = "(overlong)"
"""What longer values are filed as; a value of just these words shares their place."""

Values = dict[str, Any]
Filed = tuple[Row[Any], set[Key]]
"""A message and what it is filed under."""


def filed(key: Key) -> Key:
    """Return the key under which messages that have this one are filed."""
    value = REFUSED.sub("\N{REPLACEMENT CHARACTER}", key.value)
    return Key(key.field, value if len(value) <= LONGEST else OVERLONG)


def number_of(key: Key) -> int:
    """Return the hash of a filed key, 64 bits, signed."""
    text = f"{key.field}\0{key.value}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


async def put(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """File messages that are new, as they stand in these rows."""
    filed_under = [(row, _keys(row)) for row in rows]
    if filed_under:
        new = insert(connection, message_keys).on_conflict_do_nothing()
        await connection.execute(new, _pairs(filed_under))
        await _count(connection, filed_under)


async def remove(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """Erase the keys of the messages in these rows. Values stay until `forget`."""
    of = message_keys.c
    pairs = [
        {"of_key": pair["key"], "of_message": pair["message"]}
        for pair in _pairs((row, _keys(row)) for row in rows)
    ]
    this = (of.key == bindparam("of_key"), of.message == bindparam("of_message"))
    if pairs:
        await connection.execute(delete(message_keys).where(*this), pairs)


async def forget(connection: AsyncConnection, *, before: datetime, at_most: int) -> int:
    """Erase values last seen before, at most so many; return how many went."""
    of = seen.c
    old = await connection.execute(oldest(of.last, before, at_most, of.field, of.value))
    rows = [{"of_field": row.field, "of_value": row.value} for row in old]
    this = (of.field == bindparam("of_field"), of.value == bindparam("of_value"))
    if rows:
        await connection.execute(delete(seen).where(*this), rows)
    return len(rows)


def _keys(row: Row[Any]) -> set[Key]:
    return set(map(filed, keys_of(message_of(row))))


def _pairs(filed_under: Iterable[Filed]) -> list[Values]:
    return [
        {"key": key, "message": row.number}
        for row, keys in filed_under
        for key in map(number_of, keys)
    ]


async def _count(connection: AsyncConnection, filed_under: Iterable[Filed]) -> None:
    rows: dict[Key, Values] = {}
    for message, keys in filed_under:
        for key in keys:
            row = rows.setdefault(key, _unseen(key, message.handled_at))
            row["messages"] += 1
            row["public"] |= not message.private
            row["last"] = max(row["last"], message.handled_at)
    # Everybody locks rows in the same order, else two recorders wait for each other.
    await connection.execute(_add(connection), [rows[key] for key in sorted(rows)])


def _unseen(key: Key, at: datetime) -> Values:
    return {"field": key.field, "value": key.value, "messages": 0, "public": False, "last": at}


def _add(connection: AsyncConnection) -> Insert:
    new = insert(connection, seen)
    old, said = seen.c, new.excluded
    news: Values = {
        "messages": old.messages + said.messages,
        "public": or_(old.public, said.public),
        "last": case((said.last > old.last, said.last), else_=old.last),
    }
    return new.on_conflict_do_update(index_elements=["field", "value"], set_=news)
