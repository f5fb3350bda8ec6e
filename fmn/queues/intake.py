"""The intake: where consumers put messages, each on one of N channels picked at random."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

from fmn.model import Message, Undecodable
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.durability import Durability
from fmn.queues.emitting import emit
from fmn.queues.entries import VERSION, DeadLetter, Step, Write, pack
from fmn.queues.life import Life

LOOK = 1.0
"""Seconds between two looks whether Redis went back in time."""

_log = structlog.get_logger()


class Intake:
    """What comes from the bus, on its way to the channels."""

    def __init__(self, connection: Connection, life: Life) -> None:
        self._connection = connection
        self._life = life
        self._pick = random.SystemRandom().randrange
        self._put: Counter[int] = Counter()
        """How many this process put on each channel, as the server told it."""
        self._went_back = 0
        self._alone = asyncio.Lock()

    async def put(self, arrivals: Sequence[Message | Undecodable]) -> None:
        """Put each on a channel; return once they are as safe as the server promises."""
        messages = [one for one in arrivals if isinstance(one, Message)]
        bad = [one for one in arrivals if isinstance(one, Undecodable)]
        async with self._alone:
            await self._name_what_is_gone()
            dealt: dict[int, list[bytes]] = defaultdict(list)
            for message in messages:
                dealt[self._pick(self._life.crew.channels)].append(pack(message))
            await asyncio.gather(*(self._deal(k, values) for k, values in dealt.items()))
            if bad:
                await bury(self._connection, self._life, bad)
            if self._connection.durability is Durability.CONFIRMED:
                await self._settle(dealt)

    async def follow(self) -> None:
        """Name what is gone as soon as it is known, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            async with self._alone:
                await self._name_what_is_gone()

    async def _deal(self, k: int, values: Sequence[bytes]) -> None:
        names = [keys.channel(k), keys.counts(k)]
        told = (self._life.name, self._put[k], VERSION, *values)
        self._put[k], gone = await self._connection.run("put", names, *told)
        if gone:
            _log.error("Redis lost messages that the bus forgot", channel=k, messages=gone)

    async def _settle(self, dealt: Mapping[int, Sequence[bytes]]) -> None:
        """Return when these are on disk; what fell with Redis before it was is put again."""
        await self._connection.settle()
        while fallen := {k: of for k, of in dealt.items() if not await self._has(k, of)}:
            await asyncio.gather(*(self._deal(k, values) for k, values in fallen.items()))
            await self._connection.settle()

    async def _has(self, k: int, last: Sequence[bytes]) -> bool:
        """Whether Redis still has what we put there last; what is older and gone is named."""
        put = self._put[k]
        self._put[k] -= len(last)  # They are in our hand: where they are gone they are not lost.
        await self._deal(k, ())
        return self._put[k] >= put

    async def _name_what_is_gone(self) -> None:
        """Where Redis knows of fewer than we put, they are lost: the ledger shall say so."""
        if self._went_back == (since := self._life.crew.went_back):
            return
        await asyncio.gather(*(self._deal(k, ()) for k in self._put))
        self._went_back = since


async def bury(connection: Connection, life: Life, bad: Sequence[Undecodable]) -> None:
    """Make dead letters of what cannot be decoded, spread over the channels."""
    letters: dict[int, list[Step]] = defaultdict(list)
    for one in bad:
        _log.warning("cannot decode a message", why=one.reason)
        k = random.SystemRandom().randrange(life.crew.channels)
        letter = DeadLetter("undecodable", life.name, one.reason, 1, datetime.now(UTC), one.head)
        write = Write(keys.dead(k), pack(letter))
        letters[k].append(Step("", (write,), {"undecodable": 1}))
    for k, steps in letters.items():
        await emit(connection, k, steps)
