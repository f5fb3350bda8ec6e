"""The log: what was handled and what became of it, read by the recorder."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from fmn.emission import LogLine
from fmn.errors import Unavailable
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import DeadLetter, Step, UnreadableEntry, Write, pack, unpack_line
from fmn.queues.life import Life
from fmn.queues.reader import DEADLY, Entry, Reader

Record = Callable[[Sequence[LogLine]], Awaitable[None]]

PAUSE = 1.0
"""Seconds between two tries to record while the database is away."""

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
            lines, refused = _lines(batch.entries)
            try:
                refused |= await self._refused(lines, record, stop)
            except Unavailable:
                return  # told to stop while the database is away: the lines stay pending
            steps = [self._step(batch.channel, e, refused.get(e)) for e in batch.entries]
            await self._reader.finish(batch.channel, steps)

    async def _refused(
        self, lines: dict[Entry, LogLine], record: Record, stop: asyncio.Event
    ) -> dict[Entry, Exception]:
        """Record all at once, or one by one where one is refused; return which were."""
        try:
            await self._patiently(record, list(lines.values()), stop)
        except Unavailable:
            raise
        except Exception as failed:  # noqa: BLE001  # one line must not hold back the others
            if len(lines) == 1:
                return dict.fromkeys(lines, failed)
            refused: dict[Entry, Exception] = {}
            for entry, line in lines.items():
                refused |= await self._refused({entry: line}, record, stop)
            return refused
        return {}

    async def _patiently(
        self, record: Record, lines: Sequence[LogLine], stop: asyncio.Event
    ) -> None:
        while True:
            try:
                return await record(lines)
            except Unavailable as away:
                if stop.is_set():
                    raise
                _log.warning("the database is away; the log waits", why=str(away))
                self._life.took()
                await asyncio.sleep(PAUSE)

    def _step(self, k: int, entry: Entry, refused: Exception | None) -> Step:
        if refused is None:
            return Step(entry.id, (), {"recorded": 1})
        _log.error("gave a line of the log up", why=str(refused), exc_info=refused)
        tries, now = entry.tries + 1, datetime.now(UTC)
        letter = DeadLetter("log line", self._life.name, str(refused), tries, now, entry.value)
        return Step(entry.id, (Write(keys.dead(k), pack(letter)),), {"unrecorded": 1})


def _lines(entries: Sequence[Entry]) -> tuple[dict[Entry, LogLine], dict[Entry, Exception]]:
    """Return what can be read, and why the rest cannot."""
    lines: dict[Entry, LogLine] = {}
    refused: dict[Entry, Exception] = {}
    for entry in entries:
        if entry.poison:
            why = f"its recorder died {DEADLY} times with it alone in hand"
            refused[entry] = UnreadableEntry(why)
            continue
        try:
            lines[entry] = unpack_line(entry.value)
        except UnreadableEntry as failed:
            refused[entry] = failed
    return lines, refused
