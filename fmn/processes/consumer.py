"""The consumer: from the bus to the channels."""

import asyncio
from typing import Protocol

from fmn.bus.bus import Bus
from fmn.model import Message, Undecodable


class Puts(Protocol):
    """Where messages are put: an intake of either mode."""

    async def put(self, arrivals: tuple[Message | Undecodable, ...], /) -> None: ...


async def consume(bus: Bus, intake: Puts, stop: asyncio.Event) -> None:
    """Put what the bus brings on channels; acknowledge it once the channels have it."""
    async for batch in bus.batches(stop):
        await intake.put(batch.arrivals)
        await batch.acknowledge()
