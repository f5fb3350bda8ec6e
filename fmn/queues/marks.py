"""Marks: where consumers and workers hold back, so that those who empty the queues always can.

The backlog then stays on the bus, which is made for it. Consumers stop before workers do: else a
full channel alone could keep the workers from ever emptying it. Nobody else stops for a mark.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from fmn.config import Queues
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.durability import figure
from fmn.queues.life import Life

CONSUMERS, WORKERS = 0.6, 0.7
"""Parts of the memory above which each holds back; the rest is for those who empty."""
FRESH = 0.05
"""Seconds a look at the server is believed."""
LOOK = 0.2
"""Seconds between two looks while something is full."""

Room = Callable[[asyncio.Event], Awaitable[bool]]
"""What `Marks.room` does."""

_log = structlog.get_logger()


async def unbounded(_stop: asyncio.Event) -> bool:
    """Mind no marks: there is always room."""
    return True


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the server is."""

    memory: int
    """Bytes in use."""
    limit: int
    """Bytes it may use; 0 where nobody set a limit."""
    log: int
    """Lines of the longest log of a channel."""

    def above(self, share: float, log_mark: int) -> str | None:
        """Return what is above its mark, in words; None where nothing is."""
        if self.limit and self.memory > share * self.limit:
            return f"{self.memory:,} of {self.limit:,} bytes are in use"
        if self.log > log_mark:
            return f"{self.log:,} lines of a log wait for the recorder"
        return None


class Marks:
    """The marks as one process minds them."""

    def __init__(
        self, connection: Connection, life: Life, settings: Queues, *, share: float
    ) -> None:
        self._connection = connection
        self._life = life
        self._settings = settings
        self._share = share
        self._looked = 0.0

    async def room(self, stop: asyncio.Event) -> bool:
        """Wait until nothing is above its mark; False where the process is told to stop before."""
        held = False
        while not stop.is_set() and (why := await self._full()):
            if not held:
                _log.warning("holds back", process=self._life.name, why=why)
            held = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await stop.wait()
        if held:
            _log.info("goes on", process=self._life.name)
        return not stop.is_set()

    async def _full(self) -> str | None:
        if time.monotonic() - self._looked < FRESH:
            return None
        why = (await self._fill()).above(self._share, self._settings.log_mark)
        if why is None:
            self._looked = time.monotonic()
        return why

    async def _fill(self) -> Fill:
        logs = [("XLEN", keys.log(k)) for k in range(self._life.crew.most_channels)]
        info, *lines = await self._connection.all([("INFO", "memory"), *logs])
        limit = int(figure(info, "maxmemory", "0")) or self._settings.memory
        return Fill(int(figure(info, "used_memory", "0")), limit, max(lines, default=0))
