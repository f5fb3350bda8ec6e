"""Serving HTTP: a socket, an application behind it, and pages that open when they are ready."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fmn.errors import ConfigError


class Pages:
    """Pages that are not there until their process has what they need."""

    def __init__(self, proxies: Sequence[str] = ()) -> None:
        self.app: ASGIApp | None = None
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that it is too early or nothing is here."""
        early = PlainTextResponse("not there yet: try again in a moment", 503)
        await (self.app or early)(scope, receive, send)


@asynccontextmanager
async def serving(
    app: ASGIApp, ear: socket.socket, *, proxies: Sequence[str] = ()
) -> AsyncIterator[None]:
    """Serve an application on this socket until the block ends.

    `proxies` are those whose word counts for where a request came from.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        forwarded_allow_ips=list(proxies),
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve([ear]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


def address_of(ear: socket.socket) -> str:
    """Return the address at which somebody finds what listens here."""
    host, port = ear.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listen(bind: str, port: int) -> socket.socket:
    """Return a socket bound to this port, 0 for any free one.

    Raises ConfigError where it is taken.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # Named TCP, or asyncio leaves Nagle's algorithm on: every answer after the first 40 ms late.
    ear = socket.socket(family, proto=socket.IPPROTO_TCP)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        ear.bind((bind, port))
    except OSError as refused:
        ear.close()
        why = refused.strerror or refused
        raise ConfigError(f"{bind} port {port}", f"{why}; choose another with --port") from None
    return ear


class _Server(uvicorn.Server):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
