"""Turns at judging the history: it costs much, so who asks often waits, and others need not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Annotated, cast
from weakref import WeakValueDictionary

from fastapi import Depends, Request

from fmn.errors import FmnError, Unavailable
from fmn.web.parts import Queues

TIMES = 60
"""How often somebody may ask in `WITHIN`."""
WITHIN = timedelta(minutes=1)
EACH = 2
"""How many turns of one user there are at once in this process."""
ALL = 4
"""How many there are at once: connections and threads are left for everything else."""
PATIENCE = timedelta(seconds=10)
"""How long to wait for a turn."""


class TooOften(FmnError):
    """That was too often: wait a minute."""


class Turns:
    """The turns of this process. All processes together count how often somebody asks."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._all = asyncio.Semaphore(ALL)
        # Whoever has a turn, or waits for one, keeps the user's here.
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, user: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the block lasts. Raises TooOften."""
        if not await self._may_ask(user):
            raise TooOften
        mine = self._of.setdefault(user, asyncio.Semaphore(EACH))
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(PATIENCE.total_seconds()):
                    await turn.enter_async_context(mine)
                    await turn.enter_async_context(self._all)
            except TimeoutError:
                raise TooOften from None
            yield

    async def _may_ask(self, user: str) -> bool:
        try:
            return await self._queues.allowed("preview", user, times=TIMES, within=WITHIN)
        except Unavailable:
            return True  # judging needs SQL alone


def turns_of(request: Request) -> Turns:
    """Return the turns of the application."""
    return cast(Turns, request.app.state.turns)


InTurn = Annotated[Turns, Depends(turns_of)]
"""What whoever judges the history asks for."""
