"""How long messages wait where idle workers help, and where each has its own channel and no more.

Both are fmn's own code. Without help each worker has a database of the server to itself, with one
channel, of which it takes one message at a time; a message goes to one of them at random.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean

from fmn.bench.arrivals import Arrival
from fmn.bench.sleeper import Sleeper, a_message, sleeper
from fmn.config import Queues
from fmn.errors import Unavailable
from fmn.model import Message
from fmn.queues import keys
from fmn.queues.connection import Connection, connect
from fmn.queues.intake import Intake
from fmn.queues.life import Life

OURS = 15
"""A database; those before it are of the others."""
LOOK = 0.05
QUIET = 0.5
"""Seconds after which a process that was stopped has nothing on its way to it."""
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to deal messages out: databases of the server, and the workers of each."""

    url: str
    databases: Sequence[int]
    workers: int
    channels: int
    batch: int

    def of(self, database: int) -> str:
        """Return the address of a database."""
        return f"{self.url}?db={database}"


def with_help(url: str, workers: int) -> Way:
    """Return fmn's way: as many channels as workers, who all read them all."""
    batch: int = Queues().batch
    return Way(url, databases=(OURS,), workers=workers, channels=workers, batch=batch)


def without_help(url: str, workers: int) -> Way:
    """Return the old way: each worker has a channel, and nobody else's."""
    return Way(url, databases=range(workers), workers=1, channels=1, batch=1)


async def mean_wait(way: Way, coming: Sequence[Arrival], *, stopped: int = 0) -> float:
    """Return the mean wait of all messages, in seconds, with some of the workers stopped.

    Those wake when the others have nothing more to do: what nobody did for them waited so long.
    """
    async with _crew(way) as crew, _intakes(way) as intakes:
        for one in crew[:stopped]:
            one.stop()
        await asyncio.sleep(QUIET)
        await _put(coming, [intake for intake, _ in intakes])
        connections = [connection for _, connection in intakes]
        # Where nobody helps, crew and databases are the same.
        await _empty(way, connections if way.workers > 1 else connections[stopped:])
        for one in crew[:stopped]:
            one.wake()
        await _empty(way, connections)
        waits = [wait for one in crew for wait in await one.end()]
    if len(waits) != len(coming):
        raise Unavailable(f"{len(coming)} messages", f"{len(waits)} were judged")
    return mean(waits)


@asynccontextmanager
async def _crew(way: Way) -> AsyncIterator[list[Sleeper]]:
    async with AsyncExitStack() as open_:
        crew = [
            await open_.enter_async_context(sleeper(way.of(database), way.batch, way.workers))
            for database in way.databases
            for _ in range(way.workers)
        ]
        yield [await one.ready() for one in crew]


@asynccontextmanager
async def _intakes(way: Way) -> AsyncIterator[list[tuple[Intake, Connection]]]:
    async with AsyncExitStack() as open_:
        intakes = list[tuple[Intake, Connection]]()
        for database in way.databases:
            url = way.of(database)
            connection = await open_.enter_async_context(connect(url))
            life = open_.enter_context(Life(url, "consumer", channels=way.channels))
            intakes.append((Intake(connection, life), connection))
        yield intakes


async def _put(coming: Sequence[Arrival], intakes: Sequence[Intake]) -> None:
    """Put each message at its time; what is due together goes together."""
    pick, left = random.SystemRandom().randrange, list(enumerate(coming))[::-1]
    began, noon = time.perf_counter(), datetime.now(UTC)
    while left:
        await asyncio.sleep(left[-1][1].at - (time.perf_counter() - began))
        dealt: list[list[Message]] = [[] for _ in intakes]
        while left and left[-1][1].at <= time.perf_counter() - began:
            number, arrival = left.pop()
            at = noon + timedelta(seconds=arrival.at)
            dealt[pick(len(intakes))].append(a_message(number, at, arrival.cost))
        for intake, messages in zip(intakes, dealt, strict=True):
            await intake.put(messages)


async def _empty(way: Way, connections: Sequence[Connection]) -> None:
    """Wait until all is finished."""
    lengths = [("XLEN", keys.channel(k)) for k in range(way.channels)]
    async with asyncio.timeout(PATIENCE):
        while any([sum(await connection.all(lengths)) for connection in connections]):  # noqa: ASYNC110
            await asyncio.sleep(LOOK)
