"""Leases: what only one process may have at a time, an IRC account or a channel's messages."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.life import SILENCE, Life

RENEW = 1.0
"""Seconds between two renewals; a lease lives as long as a process may be silent."""

Work = Callable[[], Coroutine[Any, Any, None]]

_log = structlog.get_logger()


async def take(connection: Connection, life: Life, name: str) -> bool:
    """Take or keep a lease for SILENCE seconds; return whether it is ours."""
    answer = await connection.run("lease", [keys.lease(name)], life.name, SILENCE * 1000)
    return bool(answer)


async def give_back(connection: Connection, life: Life, name: str) -> None:
    """Let another have it at once; where the server is away it ends by itself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(RENEW):
            await connection.run("release", [keys.lease(name)], life.name)


async def under_lease(
    connection: Connection, life: Life, name: str, work: Work, stop: asyncio.Event
) -> None:
    """Stand by until the lease is ours, then work to the end.

    Work that loses its lease is cancelled, and stands by again.
    """
    done = False
    while not done and not stop.is_set():
        if await take(connection, life, name):
            done = await _held(connection, life, name, work)
        else:
            _log.info("stands by: another process holds the lease", lease=name)
            await _pause(stop, RENEW)


async def _held(connection: Connection, life: Life, name: str, work: Work) -> bool:
    """Work while the lease is ours; return whether the work came to its end."""
    working = asyncio.create_task(work())
    renewal = asyncio.create_task(_renew(connection, life, name))
    try:
        await asyncio.wait({working, renewal}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return True
        _log.warning("lost the lease", lease=name)
        return False
    finally:
        for task in (working, renewal):
            task.cancel()
        await asyncio.gather(working, renewal, return_exceptions=True)
        await give_back(connection, life, name)


async def _renew(connection: Connection, life: Life, name: str) -> None:
    """Return when the lease is another's."""
    while await take(connection, life, name):  # noqa: ASYNC110  # the lease is on the server
        await asyncio.sleep(RENEW)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
