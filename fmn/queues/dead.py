"""Dead letters: what an operator may mend."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import DeadLetter, unpack
from fmn.queues.figures import most_channels

PAGE = 500


async def dead_letters(connection: Connection) -> AsyncIterator[tuple[str, DeadLetter]]:
    """Yield id and letter of each, channel by channel, oldest first. The id is `k/entry`."""
    for k in range(await most_channels(connection)):
        start = "-"
        while page := await connection.do("XRANGE", keys.dead(k), start, "+", "COUNT", PAGE):
            for entry_id, flat in page:
                yield f"{k}/{entry_id.decode()}", _letter(flat)
            start = f"({page[-1][0].decode()}"


async def dead_letter(connection: Connection, name: str) -> DeadLetter | None:
    """Return one letter by its id, or None where there is no such letter."""
    k, _, entry_id = name.partition("/")
    if not k.isdecimal() or not entry_id.replace("-", "", 1).isdecimal():
        return None
    found = await connection.do("XRANGE", keys.dead(int(k)), entry_id, entry_id)
    return _letter(found[0][1]) if found else None


def held(letter: DeadLetter) -> Any:  # noqa: ANN401  # whatever it was
    """Return what the letter held, in values that JSON can say."""
    if letter.what == "undecodable":
        return letter.entry.decode(errors="replace")
    try:
        return _readable(msgspec.msgpack.decode(letter.entry))
    except msgspec.DecodeError:
        return letter.entry.decode(errors="replace")


def _readable(value: Any) -> Any:  # noqa: ANN401  # whatever msgpack holds
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def _letter(flat: list[bytes]) -> DeadLetter:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return unpack(fields[b"d"], DeadLetter)
