"""Dead letters: what an operator may mend, replay, or drop."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import msgspec

from fmn.emission import Chunk
from fmn.errors import InputError
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import (
    UNREADABLE,
    VERSION,
    DeadLetter,
    UnreadableEntry,
    pack,
    unpack,
)
from fmn.queues.fields import Fields
from fmn.queues.figures import most_channels

PAGE = 500
PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,20}(?:-[0-9]{1,20})?)")
LARGEST = 2**64 - 1
"""Neither half of an entry's id is larger."""
PLAIN = (str, int, float, datetime, NoneType)
"""What JSON can say, or is taken to."""
LAST = 253_370_764_800
"""Seconds until the year 9999 begins."""


async def dead_letters(connection: Connection) -> AsyncIterator[tuple[str, DeadLetter]]:
    """Yield id and letter of each, channel by channel, oldest first. The id is `k/entry`."""
    for k in range(await most_channels(connection)):
        start = "-"
        while page := await connection.do("XRANGE", keys.dead(k), start, "+", "COUNT", PAGE):
            for entry_id, flat in page:
                yield f"{k}/{entry_id.decode()}", _letter(entry_id, flat)
            start = f"({page[-1][0].decode()}"


async def dead_letter(connection: Connection, name: str) -> DeadLetter | None:
    """Return one letter by its id, or None where there is no such letter."""
    at = _place(name)
    found = await connection.do("XRANGE", keys.dead(at[0]), at[1], at[1]) if at else []
    return _letter(*found[0]) if found else None


async def replay(connection: Connection, name: str) -> bool:
    """Put what a letter held back into its queue; return whether the letter was still there.

    A message keeps its origin, so what was sent of it is not sent again; of a chunk all attempts
    begin anew, and what is in doubt is sent. Raises InputError where it cannot be replayed.
    """
    at, letter = _place(name), await dead_letter(connection, name)
    if at is None or letter is None:
        return False
    k, entry = at
    again = _again(k, name, letter)
    names = [keys.dead(k), again.queue, keys.counts(k)]
    counts = msgspec.json.encode(list(again.counts.items()))
    told = (entry, VERSION, again.n, again.value, again.origin, counts)
    return bool(await connection.run("replay", names, *told))


async def drop(connection: Connection, name: str) -> bool:
    """Throw a letter away; return whether it was still there. It stays counted as dead."""
    at = _place(name)
    return bool(at and await connection.do("XDEL", keys.dead(at[0]), at[1]))


@dataclass(frozen=True, slots=True)
class _Again:
    """What a letter held, as it goes back into its queue."""

    queue: str
    value: bytes
    counts: Mapping[str, int]
    n: int = 1
    origin: str = ""


def _again(k: int, name: str, letter: DeadLetter) -> _Again:
    if letter.what == "message":
        return _Again(keys.channel(k), letter.entry, {"dead": -1}, origin=letter.origin)
    if letter.what == "log line":
        return _Again(keys.log(k), letter.entry, {"unrecorded": -1})
    if letter.what == "undecodable":
        why = "only its first bytes were kept: have it published again, and drop the letter"
        raise InputError(name, why)
    try:
        chunk = unpack(letter.entry, Chunk)
    except UnreadableEntry as failed:
        raise InputError(name, "what it held cannot be read; drop it", failed) from None
    kind, n = chunk.content.kind, chunk.notifications
    anew = replace(chunk, attempt=1, absent_since=None, insist=True)
    counts = {f"{letter.counted} {kind}": -n}
    return _Again(keys.outbox(k, kind), pack(anew), counts, n)


def _place(name: str) -> tuple[int, str] | None:
    """Return channel and entry of a letter's id, None where it is no such id."""
    found = PLACE.fullmatch(name)
    if not found or any(int(part) > LARGEST for part in found[2].split("-")):
        return None
    return int(found[1]), found[2]


def held(letter: DeadLetter) -> Any:  # noqa: ANN401  # whatever it was
    """Return what the letter held, in values that JSON can say."""
    if letter.what == "undecodable":
        return letter.entry.decode(errors="replace")
    try:
        return _readable(msgspec.msgpack.decode(letter.entry))
    except (*UNREADABLE, TypeError):  # a map may have a map for a key
        return letter.entry.decode(errors="replace")


def _readable(value: Any) -> Any:  # noqa: ANN401  # whatever msgpack holds
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {str(_readable(key)): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value if isinstance(value, PLAIN) else repr(value)


def _letter(entry_id: bytes, flat: list[bytes]) -> DeadLetter:
    value = Fields.of(flat).value
    try:
        return unpack(value, DeadLetter)
    except UnreadableEntry as failed:  # nobody of us wrote it; it is shown all the same
        why = f"no dead letter of this version: {': '.join(map(str, failed.args))}"
        return DeadLetter("dead letter", "unknown", why, 0, _time_of(entry_id), value)


def _time_of(entry_id: bytes) -> datetime:
    """Return when an entry came; ids go on longer than calendars."""
    seconds = int(entry_id.partition(b"-")[0]) // 1000
    return datetime.fromtimestamp(min(seconds, LAST), UTC)
