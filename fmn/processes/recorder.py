"""The recorder: from the log to the history."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from fmn import config
from fmn.errors import Unavailable
from fmn.model import LogLine
from fmn.queues.log import Log
from fmn.storage import history
from fmn.storage.engine import Engine, writing

HOURLY = 3600.0

_log = structlog.get_logger()


async def record(log: Log, keeper: "Keeper", stop: asyncio.Event) -> None:
    """Keep what the log says."""
    await log.each(keeper.keep, stop)


class Keeper:
    """Keeps lines of the log in SQL, for as long as the settings say."""

    def __init__(self, engine: Engine, settings: config.Storage) -> None:
        self._engine = engine
        self._settings = settings
        self.reachable = True
        """Whether the database took the last lines."""

    async def keep(self, lines: Sequence[LogLine]) -> None:
        """Write lines in one transaction. Raises Unavailable."""
        try:
            async with writing(self._engine) as transaction:
                await history.record(transaction, lines)
        except Unavailable:
            self.reachable = False
            raise
        self.reachable = True

    async def forget(self) -> None:
        """Every hour erase what is too old, until cancelled."""
        while True:
            try:
                while gone := await self._erase():
                    _log.info("forgot what was too old", rows=gone)
            except Unavailable as away:
                _log.warning("could not forget what is too old", why=str(away))
            await asyncio.sleep(HOURLY)

    async def _erase(self) -> int:
        now = datetime.now(UTC)
        async with writing(self._engine) as transaction:
            return await history.forget(
                transaction,
                messages_before=now - self._settings.keep_messages,
                deliveries_before=now - self._settings.keep_deliveries,
            )
