"""Peers that take all of a notification: what is said on a connection until nothing is missing.

Then the server hangs up, without a word of whether it has it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Taking = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]
"""Speaks on a connection; returns what it has taken, or nothing where it was asked no such thing.
Raises IncompleteReadError where the other side hangs up before."""

ROOM = {"@alice:example.org": ["!r:e.org"], "membership": "join", "access_token": "mine"}
"""What a homeserver answers to everything that comes before an event."""


async def request(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    """Take a request of HTTP."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    ]
    return head + await reader.readexactly(sum(lengths))


async def event(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Take an event for a room of Matrix."""
    while b"/send/" not in (taken := await request(reader, writer)):
        body = json.dumps(ROOM).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    return taken


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Take a mail over SMTP."""
    writer.write(b"220 hello\r\n")
    while (await reader.readuntil(b"\r\n"))[:4] != b"DATA":
        writer.write(b"250 OK\r\n")
    writer.write(b"354 go on\r\n")
    return await reader.readuntil(b"\r\n.\r\n")


async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Take what is said to somebody on IRC."""
    while not (taken := await reader.readuntil(b"\r\n")).startswith(b"PRIVMSG"):
        words = taken.split()
        if words[0] == b"USER":
            writer.write(b":s 001 fmn :hello\r\n")
        elif words[0] == b"PING":
            writer.write(b":s PONG s %b\r\n" % words[1])
        elif words[0] == b"ISON":
            writer.write(b":s 303 fmn :%b\r\n" % words[1])
    return taken


@asynccontextmanager
async def losing(taking: Taking) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Run a peer that takes it and hangs up; give its port, and what it takes."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            taken.append(await taking(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], taken
