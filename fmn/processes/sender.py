"""The sender: from a lane of the outbox to people, by one outside protocol."""

import asyncio

from fmn.kinds import Sender
from fmn.queues.outbox import Lane


async def send(lane: Lane, sender: Sender, stop: asyncio.Event) -> None:
    """Hand what stands in the lane to the sender, as much at once as it can take."""
    async with sender:
        await lane.each(sender.send, stop, at_once=sender.at_once)


async def hear(lane: Lane, sender: Sender, stop: asyncio.Event) -> None:
    """Put on the log what comes back by itself, until told to stop."""
    hearing = asyncio.create_task(sender.hear(lane.tell))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({hearing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            await hearing
    finally:
        hearing.cancel()
        stopping.cancel()
        await asyncio.gather(hearing, stopping, return_exceptions=True)
