"""What a test puts into the queues: messages that keep coming, chunks of many recipients."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fmn.emission import Chunk, Content
from fmn.model import Message
from fmn.queues import keys
from fmn.queues.intake import Intake
from fmn.queues.outgoing import put as put_chunks
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Member, member


@dataclass
class Flow:
    """Messages whose summary is their id: m-0, m-1 …"""

    put: int = 0
    """How many so far."""
    pause: float = 0.05
    """Seconds between two times."""
    many: int = 20
    """Messages each time."""
    name: str = "m"
    times: dict[str, float] = field(default_factory=dict)
    """When each message was put."""
    ended: threading.Event = field(default_factory=threading.Event)
    most_waiting: int = 1_000
    """Where so many wait, no more are put: the work to do shall not depend on how slow we are."""
    text: str = ""
    """Of each message: see `traps`."""

    def run(self, url: str) -> None:
        asyncio.run(self._run(url))

    async def _run(self, url: str) -> None:
        async with member(url, "consumer", 4) as consumer:
            while not self.ended.is_set():
                await asyncio.to_thread(self.ended.wait, self.pause)
                if await waiting(consumer) > self.most_waiting:
                    continue
                words = [f"{self.name}-{i}" for i in range(self.put, self.put + self.many)]
                messages = [a_message(word, summary=word, text=self.text) for word in words]
                self.times |= dict.fromkeys(words, time.time())
                await Intake(consumer.connection, consumer.life).put(messages)
                self.put += self.many


async def waiting(consumer: Member) -> int:
    """Return how many messages wait in the channels."""
    lengths = [("XLEN", keys.channel(k)) for k in range(consumer.life.crew.most_channels)]
    return sum(await consumer.connection.all(lengths))


@contextmanager
def flowing(url: str, **how: Any) -> Iterator[Flow]:
    """Let messages come until the block ends."""
    flow = Flow(**how)
    thread = threading.Thread(target=flow.run, args=(url,))
    thread.start()
    try:
        yield flow
    finally:
        flow.ended.set()
        thread.join()


def hundred(kind: str = "email") -> Chunk:
    """Return a chunk of 100 recipients, r0@example.org … r99@example.org, who share one content."""
    to = [a_recipient(destination=f"d-{i}", address=f"r{i}@example.org") for i in range(100)]
    return a_chunk(*to, content=Content(kind, "kernel was built", "kernel was built\n"))


async def put_in_lane(url: str, *chunks: Chunk) -> None:
    """Put chunks into a lane, as a worker would."""
    async with member(url, "tests", 4) as tests:
        await put_chunks(tests.connection, 0, chunks)


async def put_messages(url: str, *messages: Message) -> None:
    """Put these on channels, as a consumer would."""
    async with member(url, "consumer", 4) as consumer:
        await Intake(consumer.connection, consumer.life).put(messages)
