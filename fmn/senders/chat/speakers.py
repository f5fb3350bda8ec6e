"""Processes that Apprise runs in: so many, each asked one thing at a time, replaced when in doubt.

    asked ─▶ replies ─▶ asked … ─▶ after so many replies a new one
        └ stalls, dies, talks nonsense, or whoever asked has gone ─▶ killed; the next is a new one

What they must not know they are not told: they have no settings of ours and no login, and what is
secret goes over their input, never where `ps` would show it.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import msgspec

from fmn.egress import Network
from fmn.errors import InDoubt, TransientFailure
from fmn.senders.chat.asked import LONGEST_REPLY, Reply, Request, Start, line

COMMAND = (sys.executable, "-m", "fmn.senders.chat.speaking")
LASTS = 500
"""Requests. Then there is a new process: what the old one has gathered in memory goes with it."""
START = 30.0
"""Seconds a process may take until it can be asked."""
NOT_STARTED = "no process to speak to it could be started"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds after a process that could not be started, before the next."""
KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the environment. Others may be secret, as our settings are."""


class Broken(Exception):
    """The process did not do what it should."""


class Speaker:
    """One process at a time, started when there is something to ask."""

    def __init__(
        self,
        start: Start,
        patience: float,
        *,
        lasts: int = LASTS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._command = command
        self._start = start
        self._patience = patience
        self._lasts = lasts
        self._process: Process | None = None
        self._left = 0
        self._pause = 0.0
        self._not_before = 0.0

    async def ask(self, request: Request) -> Reply:
        """Return what the process replies.

        Raises TimeoutError where it does not in time, InDoubt where it never will,
        TransientFailure where it was not even asked.
        """
        await self._ready()
        number = self._left
        try:
            async with asyncio.timeout(self._patience):
                reply = await self._exchange(replace(request, number=number), number)
        except Broken as broken:
            raise InDoubt(f"the process that speaks to it {broken}") from None
        self._left = number - 1
        return reply

    async def close(self) -> None:
        """End the process."""
        if (process := self._process) is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # Its pipes are closed, too, before the loop may end.
        self._process = None

    async def _ready(self) -> None:
        if self._left > 0:
            return
        await self.close()
        now = asyncio.get_running_loop().time
        if (pause := self._not_before - now()) > 0:
            after = timedelta(seconds=pause)
            raise TransientFailure(NOT_STARTED, retry_after=after)
        try:
            async with asyncio.timeout(START):
                await self._begin()
        except (TimeoutError, OSError, Broken) as failed:
            self._pause = min(max(FIRST_PAUSE, 2 * self._pause), LONGEST_PAUSE)
            self._not_before = now() + self._pause
            why = f"it {failed}" if isinstance(failed, Broken) else type(failed).__name__
            raise TransientFailure(f"{NOT_STARTED}: {why}") from None
        self._pause, self._left = 0.0, self._lasts

    async def _begin(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # Apprise writes whole addresses there.
            limit=LONGEST_REPLY,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )
        await self._exchange(self._start, 0)

    async def _exchange(self, said: Start | Request, number: int) -> Reply:
        """Say a line and hear one. Should anything go wrong, this process is not asked again."""
        self._left = 0
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise Broken("is not there")
        try:
            process.stdin.write(line(said))
            await process.stdin.drain()
            reply = _read(await process.stdout.readline())
        except OSError:
            raise Broken("ended") from None
        except ValueError:  # a line without an end
            raise Broken("said too much") from None
        if reply.number != number:
            raise Broken("answered something else")
        return reply


class Speakers:
    """So many of them."""

    def __init__(self, count: int, *, timeout: timedelta, networks: Sequence[Network] = ()) -> None:
        patience = timeout.total_seconds()
        start = Start(patience / 2, tuple(map(str, networks)))
        self._all = [Speaker(start, patience) for _ in range(count)]
        # Who spoke last speaks first: the others need not even be started.
        self._idle: asyncio.LifoQueue[Speaker] = asyncio.LifoQueue()
        for speaker in self._all:
            self._idle.put_nowait(speaker)

    async def ask(self, request: Request) -> Reply:
        """Return what became of it. Raises what a Speaker does."""
        speaker = await self._idle.get()
        try:
            return await speaker.ask(request)
        finally:
            self._idle.put_nowait(speaker)

    async def close(self) -> None:
        """End their processes."""
        await asyncio.gather(*(speaker.close() for speaker in self._all))


def _read(said: bytes) -> Reply:
    if not said.endswith(b"\n"):
        raise Broken("ended")
    try:
        return msgspec.json.decode(said, type=Reply)
    except msgspec.DecodeError:
        raise Broken("talked nonsense") from None
