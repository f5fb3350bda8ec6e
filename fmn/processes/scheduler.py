"""The scheduler: from the lane `held` to SQL, and from there back into the lanes.

What waits is in SQL before it leaves the lane `held`, and stays there until it is safe in its own
lane. Whoever dies in between leaves a release that is begun: the next one ends it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import structlog

from fmn.emission import Release, Withheld
from fmn.errors import Unavailable
from fmn.queues.held import HeldLane, Others
from fmn.storage import held
from fmn.storage.engine import Engine, reading, writing

LOOK = 0.25
"""Seconds between two looks for lanes that have room."""
LONGEST = 5.0
"""While the database is away, at most so many."""

Settle = Callable[[], Awaitable[None]]
"""Returns when all that was put into lanes is as safe as the server can make it."""

_log = structlog.get_logger()


async def hold(lane: HeldLane, keeper: "Keeper", stop: asyncio.Event) -> None:
    """Keep what finds its lane full."""
    await lane.each(keeper.keep, stop)


async def release(keeper: "Keeper", stop: asyncio.Event) -> None:
    """Let what was kept go as lanes have room, until told to stop. Only one process may."""
    pause = LOOK
    while not stop.is_set():
        try:
            await keeper.release()
            pause = LOOK
        except Unavailable as away:
            _log.warning("the database is away; what is held waits", why=str(away))
            pause = min(2 * pause, LONGEST)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause * random.SystemRandom().uniform(2 / 3, 1)):
                await stop.wait()


class Keeper:
    """Keeps held notifications in SQL until their lane has room."""

    def __init__(self, engine: Engine, lane: HeldLane, settle: Settle) -> None:
        self._engine = engine
        self._lane = lane
        self._settle = settle
        self.reachable = True
        """Whether the database answered the last time."""

    async def keep(self, withheld: Sequence[Withheld]) -> Others:
        """Keep these; return what another origin's is there of already. Raises Unavailable."""
        with self._answering():
            async with writing(self._engine) as transaction:
                return await held.put(transaction, withheld)

    async def release(self) -> None:
        """Let go what there is room for, each lane's oldest first. Raises Unavailable."""
        with self._answering():
            await self._release()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except Unavailable:
            self.reachable = False
            raise
        self.reachable = True

    async def _release(self) -> None:
        async with reading(self._engine) as connection:
            begun, lanes = await held.begun(connection), await held.lanes(connection)
        again = [await self._again(id_) for id_ in begun]
        gone = [one for one in again if one is not None and await self._lane.let_go(one)]
        for k, kind in lanes:
            gone += await self._filled(k, kind)
        if gone:
            await self._settle()
            # A Redis that fell meanwhile may have forgotten some: those go again.
            safe = await self._lane.have_gone(gone)
            async with writing(self._engine) as transaction:
                await held.end(transaction, safe)

    async def _filled(self, k: int, kind: str) -> list[Release]:
        """Let go what a lane has room for; return what has gone."""
        room, gone = await self._lane.room(k, kind), list[Release]()
        while room > 0 and (next_ := await self._begin(k, kind, room)):
            room -= len(next_.chunks)
            if await self._lane.let_go(next_):
                gone.append(next_)
        return gone

    async def _begin(self, k: int, kind: str, room: int) -> Release | None:
        async with writing(self._engine) as transaction:
            return await held.begin(transaction, k, kind, room=room)

    async def _again(self, release_id: str) -> Release | None:
        async with reading(self._engine) as connection:
            return await held.again(connection, release_id)
