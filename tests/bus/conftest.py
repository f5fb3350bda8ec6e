"""A queue of its own for each test, on the server of the run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aio_pika
import pytest

from fmn.bus.amqp import Amqp
from fmn.bus.batch import Batch
from fmn.bus.facts import Decoder
from fmn.config import Bus
from tests.peers import PATIENCE
from tests.peers.rabbitmq import RabbitMQ


@dataclass
class Site:
    """A queue bound to topics that begin with its name, and what stands outside of fmn."""

    server: RabbitMQ
    queue: str

    def bus(self, **settings: Any) -> Amqp:
        at = {"url": self.server.url, "queue": self.queue, "routing_keys": [f"{self.queue}.#"]}
        made = Bus(**at | settings)
        return Amqp(made, Decoder(made, warn=lambda *_: None))

    @property
    def topic(self) -> str:
        return f"{self.queue}.a"

    async def outside(self, act: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do something on the server by other means than ours."""
        connection = await aio_pika.connect(self.server.url)
        async with connection:
            return await act(await connection.channel())

    async def put(self, *bodies: bytes, **properties: Any) -> None:
        """Publish bodies as they are."""

        async def act(channel: Any) -> None:
            exchange = await channel.get_exchange("amq.topic")
            for body in bodies:
                await exchange.publish(aio_pika.Message(body, **properties), self.topic)

        await self.outside(act)

    async def waiting(self) -> int:
        """Return how many messages the queue has that nobody has in hand."""

        async def act(channel: Any) -> int:
            queue = await channel.declare_queue(self.queue, passive=True)
            count: int = queue.declaration_result.message_count
            return count

        found: int = await self.outside(act)
        return found


class Taken:
    """Batches of a bus, one after the other, none waited for longer than patience lasts."""

    def __init__(self, bus: Amqp) -> None:
        self.stop = asyncio.Event()
        self._batches = aiter(bus.batches(self.stop))

    async def batch(self) -> Batch:
        return await asyncio.wait_for(anext(self._batches), PATIENCE)

    async def batches(self, messages: int) -> list[Batch]:
        """Return batches until there are so many messages."""
        found: list[Batch] = []
        while sum(len(batch.arrivals) for batch in found) < messages:
            found.append(await self.batch())
        return found


@pytest.fixture
def site(rabbitmq: RabbitMQ) -> Site:
    return Site(rabbitmq, f"q{uuid4().hex}")


@pytest.fixture
async def ready(site: Site) -> Site:
    """The same, its queue declared."""
    async with site.bus() as bus:
        await bus.publish([])
    return site
