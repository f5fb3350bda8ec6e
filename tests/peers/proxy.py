"""A TCP proxy: a link for each way that may be cut, held or refused while processes go on.

It has a loop and a thread of its own, so tests of either colour use it, and processes outside.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, cast

PATIENCE = 10.0
"""Seconds a change of a link may take."""

Where = int | Path
"""What is behind a link: a port of loopback, or a socket in a folder."""


class Flow(StrEnum):
    """What passes."""

    ALL = "all"
    REQUESTS = "requests"
    """What is said to the server, and none of its answers."""
    NOTHING = "nothing"
    """Connections are taken and stay; nothing passes."""
    REFUSED = "refused"
    """There are no connections."""


class Link:
    """One way to one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, to: Where) -> None:
        self.to = to
        self.flow = Flow.ALL
        self._loop = loop
        self._pipes: set[_Pipe] = set()
        self._listening: asyncio.Server | None = None
        # It stays ours while nobody listens: bound, and so nobody else's.
        self._place = _bound(0)
        self.port: int = self._place.getsockname()[1]

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._pipes)

    def cut(self) -> int:
        """End every connection; new ones do as the link does. Return how many there were."""
        return int(self._do(self._cut()))

    def become(self, flow: Flow) -> None:
        """Let this pass from now on, also over the connections there are."""
        self._do(self._become(flow))

    @contextmanager
    def being(self, flow: Flow) -> Iterator[None]:
        """Let this pass until the block ends, then all."""
        self.become(flow)
        try:
            yield
        finally:
            self.become(Flow.ALL)

    def close(self) -> None:
        self.become(Flow.REFUSED)
        self._place.close()

    def _do(self, change: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(change, self._loop).result(PATIENCE)

    async def _cut(self) -> int:
        pipes = list(self._pipes)
        for pipe in pipes:
            pipe.end()
        return len(pipes)

    async def _become(self, flow: Flow) -> None:
        self.flow = flow
        if flow is Flow.REFUSED:
            if self._listening:
                self._listening.close()
                self._listening = None
            await self._cut()
        elif self._listening is None:
            made = partial(_Pipe, self)
            self._listening = await self._loop.create_server(lambda: made().near, sock=self._own())
        for pipe in self._pipes:
            pipe.follow()

    def _own(self) -> socket.socket:
        listening = _bound(self.port)
        listening.listen(512)
        return listening


class _Pipe:
    """A connection to us, and ours to the server."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.near = _End(self)
        self.far = _End(self)
        self._connecting: asyncio.Task[None] | None = None

    def other(self, end: "_End") -> "_End":
        return self.far if end is self.near else self.near

    def begin(self) -> None:
        self.link._pipes.add(self)
        self.follow()

    def follow(self) -> None:
        """Do as the link does now."""
        flow = self.link.flow
        if flow in {Flow.ALL, Flow.REQUESTS} and self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        self.near.reads(flow in {Flow.ALL, Flow.REQUESTS} and self.far.open)
        self.far.reads(flow is Flow.ALL)

    def end(self) -> None:
        """End it without a word, as a cable does."""
        self.link._pipes.discard(self)
        if self._connecting and not self.far.open:
            self._connecting.cancel()
        for end in (self.near, self.far):
            if end.transport:
                end.transport.abort()

    async def _connect(self) -> None:
        loop, to = asyncio.get_running_loop(), self.link.to
        try:
            if isinstance(to, Path):
                await loop.create_unix_connection(lambda: self.far, str(to))
            else:
                await loop.create_connection(lambda: self.far, "127.0.0.1", to)
        except OSError:
            self.end()
        else:
            self.follow()


class _End(asyncio.Protocol):
    """One end of a pipe; what comes here goes out at the other."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self.transport: asyncio.Transport | None = None
        self._wanted = True
        self._full = False
        self._said_all = False

    @property
    def open(self) -> bool:
        return self.transport is not None

    def reads(self, wanted: bool) -> None:
        self._wanted = wanted
        self._turn()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        with suppress(OSError):  # a socket in a folder has no such option
            made: socket.socket = transport.get_extra_info("socket")
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self is self._pipe.near:
            self._pipe.begin()

    def data_received(self, data: bytes) -> None:
        to = self._pipe.other(self).transport
        if to and not to.is_closing():
            to.write(data)

    def eof_received(self) -> bool:
        self._said_all = True
        other = self._pipe.other(self)
        if other.transport and not other.transport.is_closing():
            other.transport.write_eof()
        return not other._said_all

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipe.link._pipes.discard(self._pipe)
        to = self._pipe.other(self).transport
        if to:
            to.close()

    def pause_writing(self) -> None:
        self._pipe.other(self).holds(full=True)

    def resume_writing(self) -> None:
        self._pipe.other(self).holds(full=False)

    def holds(self, *, full: bool) -> None:
        self._full = full
        self._turn()

    def _turn(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        wanted = self._wanted and not self._full
        if wanted and not self.transport.is_reading():
            self.transport.resume_reading()
        elif not wanted and self.transport.is_reading():
            self.transport.pause_reading()


class Proxy:
    """Links, and the thread in which they run."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.links: list[Link] = []

    def link(self, to: Where) -> Link:
        """Open a new way to a server; `port` says where it begins."""
        link = Link(self._loop, to)
        link.become(Flow.ALL)
        self.links.append(link)
        return link


@contextmanager
def proxy() -> Iterator[Proxy]:
    """Run a proxy until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    running = Proxy(loop)
    try:
        yield running
    finally:
        for link in running.links:
            link.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
