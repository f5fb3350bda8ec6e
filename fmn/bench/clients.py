"""Clients to measure against: the least anybody could do, in the same loop as ours."""

import asyncio
from typing import Any, Self

import aiosmtplib

from fmn.bench.rates import per_second

AT_ONCE = 10
"""Connections."""


class Bare:
    """Ready-made mails over a few connections, and nothing else: the least anybody could do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()

    async def __aenter__(self) -> Self:
        for _ in range(AT_ONCE):
            connection = _smtp(self._port)
            await connection.connect()
            self._idle.put_nowait(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    async def send(self, mail: bytes) -> None:
        connection = await self._idle.get()
        await connection.sendmail("fmn@example.org", ["alice@example.org"], mail)
        self._idle.put_nowait(connection)


async def by_itself(port: int, mail: bytes) -> None:
    async with _smtp(port) as connection:
        await connection.sendmail("fmn@example.org", ["alice@example.org"], mail)


async def blast(port: int, request: bytes, end: bytes, times: int) -> float:
    """Write the same request again and again; return how many a second the peer takes."""
    ready: asyncio.Queue[Any] = asyncio.Queue()
    for _ in range(AT_ONCE):
        ready.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def once() -> None:
        reader, writer = await ready.get()
        writer.write(request)
        await reader.readuntil(end)
        ready.put_nowait((reader, writer))

    rate = await per_second(once, times=times, at_once=AT_ONCE)
    while not ready.empty():
        ready.get_nowait()[1].close()
    return rate


def _smtp(port: int) -> aiosmtplib.SMTP:
    # Without a timeout, which costs a timer a command: ours waits for the whole mail with one.
    return aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port, use_tls=False, start_tls=False, timeout=None
    )
