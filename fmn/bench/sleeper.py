"""A worker in a process of its own, whose messages say what they cost: it sleeps for so long.

`python -m fmn.bench.sleeper URL BATCH WORKERS` says `ready` when it knows of so many workers, works
until its standard input ends, and prints as JSON how long each of its messages had waited.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from fmn.emission import Emission
from fmn.model import Message, MessageId, Origin
from fmn.queues.channels import Channels
from fmn.queues.connection import connect
from fmn.queues.life import Life
from fmn.service import log_to_stderr

LOOK = 0.02
PATIENCE = 60.0
"""Seconds the workers may take to know of each other, and to end."""


def a_message(number: int, at: datetime, cost: float) -> Message:
    """Return a message that arrived then and costs so many seconds."""
    topic = "org.example.build"
    return Message(MessageId(f"m-{number}"), topic, sent_at=at, body=str(cost).encode())


@dataclass
class Sleeper:
    """A worker under way."""

    process: asyncio.subprocess.Process

    async def ready(self) -> Self:
        """Return once it knows of the others."""
        async with asyncio.timeout(PATIENCE):
            assert self.process.stdout  # noqa: S101  # asked for below
            await self.process.stdout.readline()
        return self

    def stop(self) -> None:
        """Stop it where it stands, as a machine does that hangs."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on where it was stopped."""
        self.process.send_signal(signal.SIGCONT)

    async def end(self) -> list[float]:
        """Return what each of its messages had waited, in seconds."""
        assert self.process.stdin  # noqa: S101  # asked for below
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            out, _ = await self.process.communicate()
        waits: list[float] = json.loads(out)
        return waits


@asynccontextmanager
async def sleeper(url: str, batch: int, workers: int) -> AsyncIterator[Sleeper]:
    """Start a worker; it is gone when the block ends."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "fmn.bench.sleeper", url, str(batch), str(workers))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield Sleeper(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _work(url: str, batch: int, workers: int) -> list[float]:
    stop, waits = asyncio.Event(), list[float]()

    def judge(message: Message, _origin: Origin) -> Emission:
        assert message.sent_at  # noqa: S101  # of our making
        waits.append((datetime.now(UTC) - message.sent_at) / timedelta(seconds=1))
        time.sleep(float(message.body))  # as one that computes: nothing else of it goes on
        return Emission((), ())

    async with connect(url) as connection:
        with Life(url, "worker", channels=workers) as life:
            while len(life.crew.alive) < workers:  # noqa: ASYNC110  # a thread sets it
                await asyncio.sleep(LOOK)
            print("ready", flush=True)  # noqa: T201  # who started it reads this
            working = asyncio.create_task(Channels(connection, life, batch=batch).each(judge, stop))
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            stop.set()
            await working
    return waits


if __name__ == "__main__":
    log_to_stderr("error")
    print(json.dumps(asyncio.run(_work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))  # noqa: T201
