"""An HTTP server in this process: it keeps what it gets, and answers or fails as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest

PATIENCE = 20.0
"""Seconds a test waits for what must come."""


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Two requests over one connection have the same."""


@dataclass(frozen=True)
class Reply:
    """What to answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Said So", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Raw:
    """Bytes to say instead of an answer, and what to do then."""

    says: bytes = b""
    then: Literal["close", "stall", "repeat"] = "close"
    """`repeat` says `x` without an end."""


Answering = Callable[[Request], Reply | Raw]


class Http:
    """What the server got, and what it shall answer."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.port = 0
        self.requests: list[Request] = []
        self.answer: Answering = lambda _: Reply()
        self.connections = 0
        self.open = 0
        """Connections that are open now."""
        self._changed = asyncio.Condition()
        self._ended = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self, path: str = "/fmn", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def replies(self, *replies: Reply | Raw) -> None:
        """Answer with these in turn, with the last one for ever."""
        left = list(replies)
        self.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]

    async def until(self, true: Callable[[], object]) -> None:
        """Return when the condition, on what this server knows, holds."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: bool(true()))

    async def end(self) -> None:
        self._ended.set()
        for writer in self._writers:
            writer.transport.abort()
        await self.until(lambda: not self.open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        await self._count(1)
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while await self._answered(await _request(reader, number), reader, writer):
                    pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            await self._count(-1)

    async def _count(self, more: int) -> None:
        self.open += more
        async with self._changed:
            self._changed.notify_all()

    async def _answered(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        self.requests.append(request)
        await self._count(0)
        answer = self.answer(request)
        if isinstance(answer, Reply):
            writer.write(answer.head() + answer.body)
            await writer.drain()
            return request.headers.get("connection") != "close"
        writer.write(answer.says)
        await writer.drain()
        if answer.then != "close":
            await self._go_on(answer.then, reader, writer)
        writer.close()
        await writer.wait_closed()
        return False

    async def _go_on(
        self, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        gone = asyncio.create_task(_stalled(reader) if how == "stall" else _endless(writer))
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait([gone, ended], return_when=asyncio.FIRST_COMPLETED)
        for task in (gone, ended):
            task.cancel()
        await asyncio.gather(gone, ended, return_exceptions=True)


async def _stalled(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65536):
            pass


async def _endless(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            await asyncio.sleep(0)


async def _request(reader: asyncio.StreamReader, number: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    method, target, _ = head[0].split(" ")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body, number)


@asynccontextmanager
async def http_server(
    context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Http]:
    """Run a server until the block ends; with a context it speaks TLS."""
    peer = Http("https" if context else "http")
    server = await asyncio.start_server(peer.serve, host, 0, ssl=context)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await peer.end()
        await server.wait_closed()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    """Give a server that answers 200 until it is told otherwise."""
    async with http_server() as peer:
        yield peer
