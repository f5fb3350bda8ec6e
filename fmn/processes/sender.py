"""The sender: from a lane of the outbox to people, by one outside protocol."""

import asyncio

from fmn.kinds import Sender
from fmn.queues.outbox import Lane


async def send(lane: Lane, sender: Sender, stop: asyncio.Event) -> None:
    """Hand what stands in the lane to the sender, as much at once as it can take."""
    async with sender:
        await lane.each(sender.send, stop, at_once=sender.at_once)
