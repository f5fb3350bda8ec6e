"""The log: what was handled and what became of it, read by the recorder."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from fmn.emission import LogLine
from fmn.errors import Unavailable
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import DeadLetter, Step, Write, pack, unpack_line
from fmn.queues.keeping import keep_all, readable
from fmn.queues.life import Life
from fmn.queues.reader import Entry, Reader

Record = Callable[[Sequence[LogLine]], Awaitable[None]]

_log = structlog.get_logger()


class Log:
    """The log of all channels, as the recorder reads it."""

    def __init__(self, connection: Connection, life: Life, *, batch: int) -> None:
        self._reader = Reader(connection, life, "recorders", keys.log)
        self._life = life
        self._batch = batch

    async def each(self, record: Record, stop: asyncio.Event) -> None:
        """Give the lines to `record`, many at a time; acknowledge what it has kept.

        While it is unavailable the lines wait. A line it refuses becomes a dead letter.
        """
        async for batch in self._reader.batches(self._batch, stop):
            lines, refused = readable(batch.entries, _line, "recorder")
            try:
                refused |= (await keep_all(record, lines, self._life, stop))[1]
            except Unavailable:
                return  # told to stop while the database is away: the lines stay pending
            steps = [self._step(batch.channel, e, refused.get(e)) for e in batch.entries]
            await self._reader.finish(batch.channel, steps)

    def _step(self, k: int, entry: Entry, refused: Exception | None) -> Step:
        if refused is None:
            return Step(entry.id, (), {"recorded": 1})
        _log.error("gave a line of the log up", why=str(refused), exc_info=refused)
        tries, now = entry.tries + 1, datetime.now(UTC)
        letter = DeadLetter("log line", self._life.name, str(refused), tries, now, entry.value)
        return Step(entry.id, (Write(keys.dead(k), pack(letter)),), {"unrecorded": 1})


def _line(entry: Entry) -> LogLine:
    return unpack_line(entry.value)
