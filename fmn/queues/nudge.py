"""The nudge: "preferences changed, version V", so that nobody waits for the next poll."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fmn.queues import keys
from fmn.queues.connection import AWAY, Connection

Nudged = Callable[[float], Coroutine[Any, Any, None]]
"""Waits for a nudge, at most so many seconds."""


async def nudge(connection: Connection, version: int) -> None:
    """Tell every worker that preferences changed."""
    await connection.do("PUBLISH", keys.NUDGE, version)


@asynccontextmanager
async def nudges(connection: Connection) -> AsyncIterator[Nudged]:
    """Listen for nudges until the block ends. A lost one costs the time of a poll."""
    async with connection.subscribed(keys.NUDGE) as listening:

        async def nudged(seconds: float) -> None:
            await _heard(listening, seconds)

        yield nudged


async def _heard(listening: Any, seconds: float) -> None:  # noqa: ANN401  # redis' PubSub
    try:
        await listening.get_message(timeout=seconds)
    except AWAY:
        await asyncio.sleep(seconds)
