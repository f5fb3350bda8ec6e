"""Dead letters: what an operator may mend."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import msgspec

from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import UNREADABLE, DeadLetter, UnreadableEntry, unpack
from fmn.queues.fields import Fields
from fmn.queues.figures import most_channels

PAGE = 500
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
    k, _, entry_id = name.partition("/")
    if not k.isdecimal() or not entry_id.replace("-", "", 1).isdecimal():
        return None
    found = await connection.do("XRANGE", keys.dead(int(k)), entry_id, entry_id)
    return _letter(*found[0]) if found else None


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
