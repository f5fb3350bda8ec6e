"""The consumer: from the bus to the channels."""

import asyncio
from typing import Protocol

from fmn.bus.bus import Bus
from fmn.model import Message, Undecodable
from fmn.queues.marks import Room


class Puts(Protocol):
    """Where messages are put: an intake of either mode."""

    async def put(self, arrivals: tuple[Message | Undecodable, ...], /) -> None: ...


async def consume(bus: Bus, intake: Puts, room: Room, stop: asyncio.Event) -> None:
    """Put what the bus brings on channels; acknowledge it once the channels have it.

    Without room for it, it stays on the bus.
    """
    async for batch in bus.batches(stop):
        if await room(stop):
            await intake.put(batch.arrivals)
            await batch.acknowledge()
