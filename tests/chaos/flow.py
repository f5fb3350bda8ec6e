"""The flow: messages put on the real bus, each confirmed, again where nobody can say."""

import asyncio
import threading
from collections.abc import Sequence

from fmn.bus.bus import open_bus
from fmn.config import Bus
from fmn.errors import Unavailable
from tests.chaos.oracle import Fact
from tests.chaos.services import QUEUE, Services

BURST = 100
PAUSE = 0.5
"""Seconds before a burst is published again that was not confirmed."""


class Flow:
    """Who publishes."""

    def __init__(self, services: Services, pace: float) -> None:
        port = services.port("publisher", "rabbitmq")
        self._bus = Bus(url=f"amqp://guest:guest@127.0.0.1:{port}/", queue=QUEUE)
        self._pace = pace
        self._running: threading.Thread | None = None
        self._over = threading.Event()
        self.published = 0
        """Confirmed by the bus."""
        self.again = 0
        """Published once more, because no confirmation came."""

    def begin(self, facts: Sequence[Fact]) -> None:
        """Publish these, beside whatever else happens."""
        self.wait()
        self._running = threading.Thread(
            target=lambda: asyncio.run(self._publish(facts)), name="flow", daemon=True
        )
        self._running.start()

    @property
    def flows(self) -> bool:
        return self._running is not None and self._running.is_alive()

    def wait(self) -> None:
        """Wait until all that was begun is on the bus."""
        if self._running:
            self._running.join()

    def end(self) -> None:
        """Publish no more."""
        self._over.set()
        self.wait()

    async def _publish(self, facts: Sequence[Fact]) -> None:
        for start in range(0, len(facts), BURST):
            lines = [fact.line() for fact in facts[start : start + BURST]]
            while not self._over.is_set():
                try:
                    async with open_bus(self._bus, lambda *_: None) as bus:
                        self.published += await bus.publish(lines)
                    break
                except Unavailable:
                    self.again += len(lines)
                    await asyncio.sleep(PAUSE)
            await asyncio.sleep(len(lines) / self._pace)
