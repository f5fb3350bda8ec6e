"""Mode `pubsub`, the original idea to the letter.

PUBLISH to a channel picked at random, SUBSCRIBE in the one worker that holds its lease. At most
once: nothing is kept, nobody helps, nothing is taken over. Lost = published - heard.
"""

import asyncio
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from fmn.model import Message, Undecodable
from fmn.queues import keys
from fmn.queues.channels import Judge, steps_for
from fmn.queues.connection import AWAY, Connection
from fmn.queues.emitting import emit
from fmn.queues.entries import pack
from fmn.queues.intake import bury
from fmn.queues.lease import RENEW, give_back, take
from fmn.queues.life import Life
from fmn.queues.reader import Entry

_log = structlog.get_logger()


class PubsubIntake:
    """Where a consumer publishes messages: each to one of N channels, picked at random."""

    def __init__(self, connection: Connection, life: Life) -> None:
        self._connection = connection
        self._life = life
        self._pick = random.SystemRandom().randrange

    async def put(self, arrivals: Sequence[Message | Undecodable]) -> None:
        """Publish each to a channel; what cannot be decoded is a dead letter in this mode, too."""
        dealt: dict[int, list[bytes]] = defaultdict(list)
        for arrival in arrivals:
            if isinstance(arrival, Message):
                dealt[self._pick(self._life.crew.channels)].append(pack(arrival))
        for k, values in dealt.items():
            await self._connection.run("publish", [keys.channel(k), keys.counts(k)], *values)
        bad = [one for one in arrivals if isinstance(one, Undecodable)]
        await bury(self._connection, self._life, bad)

    async def follow(self) -> None:
        """Name nothing: in this mode what is lost was never kept."""


class PubsubChannels:
    """What a worker hears: the channels it holds the lease of, from the moment it does."""

    def __init__(self, connection: Connection, life: Life, *, lane_mark: int | None = None) -> None:
        self._connection = connection
        self._life = life
        self._lane_mark = lane_mark
        self._held: set[int] = set()

    async def each(self, judge: Judge, stop: asyncio.Event) -> None:
        """Give every message heard to `judge` until told to stop; emit what it makes of them."""
        # The subscription of no one keeps the connection in the listening state.
        async with self._connection.subscribed(f"{keys.NUDGE}:none") as listening:
            renewed = 0.0
            while not stop.is_set():
                try:
                    if time.monotonic() - renewed > RENEW:
                        await self._renew(listening)
                        renewed = time.monotonic()
                    await self._hear(listening, judge)
                except AWAY as failed:  # what is said to the subscription is not repeated
                    _log.warning("not listening: Redis is away", why=str(failed))
                    await asyncio.sleep(RENEW)
            for k in self._held:
                await give_back(self._connection, self._life, _lease(k))

    async def _hear(self, listening: Any, judge: Judge) -> None:  # noqa: ANN401  # redis' PubSub
        heard = await listening.get_message(timeout=RENEW / 10)
        if heard is None:
            return
        k = int(heard["channel"].partition(b"{")[2].partition(b"}")[0])
        entry = Entry(f"{int(time.time() * 1000)}-{secrets.token_hex(6)}", 1, heard["data"])
        name, mark = self._life.name, self._lane_mark
        for step in steps_for(k, entry, judge, worker=name, helped=False, lane_mark=mark):
            counts = {**step.counts, "heard": 1} if step.is_last else step.counts
            await emit(self._connection, k, [replace(step, counts=counts)])

    async def _renew(self, listening: Any) -> None:  # noqa: ANN401  # redis' PubSub
        wanted = set(self._life.home)
        held = {k for k in wanted if await take(self._connection, self._life, _lease(k))}
        for k in self._held - held:  # another may hold it by now: two would hear everything twice
            await listening.unsubscribe(keys.channel(k))
        for k in self._held - wanted:
            await give_back(self._connection, self._life, _lease(k))
        for k in held - self._held:
            await listening.subscribe(keys.channel(k))
            _log.info("listens", channel=k)
        self._held = held


def _lease(k: int) -> str:
    return f"channel:{k}"
