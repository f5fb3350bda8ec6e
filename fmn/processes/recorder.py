"""The recorder: from the log to the history."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from fmn import config
from fmn.emission import Learned, LogLine
from fmn.errors import Unavailable
from fmn.queues.log import Log
from fmn.storage import history
from fmn.storage.accounts import erase_late, erased_since
from fmn.storage.engine import Engine, reading, writing
from fmn.storage.learned import forget_refusals, learn
from fmn.storage.rows import Kinds
from fmn.storage.tokens import forget_tokens

HOURLY = 3600.0
LOOK = 5.0
"""Seconds between two looks whether the database is there: whoever has nothing to record would
not find out."""
DELETED = timedelta(days=2)
"""For so long after an account was deleted its destinations are purged every hour: what was in a
sender's hand may come back as a retry."""

_log = structlog.get_logger()


async def record(log: Log, keeper: "Keeper", stop: asyncio.Event) -> None:
    """Keep what the log says."""
    await log.each(keeper.keep, stop)


@dataclass(frozen=True, slots=True)
class Queues:
    """What the recorder asks of the queues."""

    purge: Callable[[frozenset[str]], Awaitable[int]]
    """Takes all for these destinations out of them."""
    nudge: Callable[[int], Awaitable[None]]
    """Tells the workers that preferences changed. Raises Unavailable."""


class Keeper:
    """Keeps lines of the log in SQL, for as long as the settings say."""

    def __init__(
        self, engine: Engine, settings: config.Settings, filters: Kinds, queues: Queues
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._filters = filters
        self._queues = queues
        self.reachable = True
        """Whether the database was there the last time."""

    async def keep(self, lines: Sequence[LogLine]) -> None:
        """Apply what was learned, write what happened in one transaction. Raises Unavailable."""
        try:
            await self._learn([line for line in lines if isinstance(line, Learned)])
            async with writing(self._engine) as transaction:
                await history.record(transaction, lines)
        except Unavailable:
            self.reachable = False
            raise
        self.reachable = True

    async def _learn(self, lines: Sequence[Learned]) -> None:
        bouncing = self._settings.bouncing
        if version := await learn(self._engine, lines, kinds=self._filters, bouncing=bouncing):
            with suppress(Unavailable):  # The workers look by themselves, a little later.
                await self._queues.nudge(version)

    async def look(self) -> None:
        """Look every few seconds whether the database is there, until cancelled."""
        while True:
            try:
                async with reading(self._engine):
                    self.reachable = True
            except Unavailable:
                self.reachable = False
            await asyncio.sleep(LOOK)

    async def forget(self) -> None:
        """Every hour erase what is too old or left of deleted accounts, until cancelled."""
        while True:
            try:
                while gone := await self._erase():
                    _log.info("forgot what was too old", rows=gone)
                await self._erase_accounts()
            except Unavailable as away:
                _log.warning("could not forget what is too old", why=str(away))
            await asyncio.sleep(HOURLY)

    async def _erase(self) -> int:
        now = datetime.now(UTC)
        async with writing(self._engine) as transaction:
            gone = await history.forget(
                transaction,
                messages_before=now - self._settings.storage.keep_messages,
                deliveries_before=now - self._settings.storage.keep_deliveries,
            )
            gone += await forget_refusals(transaction, now - self._settings.bouncing.within)
            return gone + await forget_tokens(transaction, now)

    async def _erase_accounts(self) -> None:
        async with reading(self._engine) as connection:
            destinations = await erased_since(connection, datetime.now(UTC) - DELETED)
        if destinations:
            async with writing(self._engine) as transaction:
                await erase_late(transaction, destinations)
            await self._queues.purge(destinations)
