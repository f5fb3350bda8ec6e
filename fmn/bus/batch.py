"""What the bus brings at once, and what puts it together."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from fmn.model import Message, Undecodable

T = TypeVar("T")

LINGER = 0.01
"""Seconds to wait for more behind the first: under load a batch fills, alone it is not late."""


async def _nothing() -> None:
    """Acknowledge nothing: a file forgets nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that came together, in their order, and what could not be decoded among them."""

    arrivals: tuple[Message | Undecodable, ...]
    acknowledged: Callable[[], Awaitable[None]] = field(default=_nothing, repr=False, compare=False)

    async def acknowledge(self) -> None:
        """Tell the bus that all of it is safe. A bus that is gone will bring it again."""
        await self.acknowledged()


class Arrivals(Generic[T]):
    """What has arrived and nobody has taken yet. Belongs to the event loop it is made in."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._waiting: asyncio.Queue[T | None] = asyncio.Queue()
        self._over = False

    def put(self, arrival: T) -> None:
        """Add one."""
        self._waiting.put_nowait(arrival)

    def end(self) -> None:
        """Let the last one be what is here now."""
        self._waiting.put_nowait(None)

    def abandon(self) -> None:
        """Let nobody take what is still here."""
        self._over = True
        self.end()

    @asynccontextmanager
    async def abandoned_at(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Abandon what is here as soon as `stop` is set, until the block ends."""

        async def abandon() -> None:
            await stop.wait()
            self.abandon()

        watch = asyncio.create_task(abandon())
        try:
            yield
        finally:
            watch.cancel()

    async def take(self) -> list[T]:
        """Wait for the first; return it with what comes right behind it. Empty at the end."""
        taken: list[T] = []
        if await self._add_to(taken):
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    while len(taken) < self._most and await self._add_to(taken):
                        pass
        return taken

    async def _add_to(self, taken: list[T]) -> bool:
        if self._over:
            return False
        arrival = await self._waiting.get()
        if arrival is None or self._over:
            self._over = True
            return False
        taken.append(arrival)
        return True


async def read_aside(source: Iterable[T], most: int, stop: asyncio.Event) -> AsyncIterator[list[T]]:
    """Yield what a blocking source brings, until its end or `stop`.

    What the source raises is raised here, behind what it brought before.
    """
    # The thread is a daemon, since nothing can wake it from a read of stdin.
    arrivals: Arrivals[T] = Arrivals(most)
    failures: list[Exception] = []
    room = threading.Semaphore(2 * most)
    unwanted = threading.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed
            try:
                for item in source:
                    room.acquire()
                    if unwanted.is_set():
                        return
                    loop.call_soon_threadsafe(arrivals.put, item)
            except Exception as failed:  # noqa: BLE001  # raised again where it is read
                failures.append(failed)
            loop.call_soon_threadsafe(arrivals.end)

    threading.Thread(target=read, name="fmn-read", daemon=True).start()
    try:
        async with arrivals.abandoned_at(stop):
            while taken := await arrivals.take():
                room.release(len(taken))
                yield taken
    finally:
        unwanted.set()
        room.release()
    for failed in failures:
        raise failed
