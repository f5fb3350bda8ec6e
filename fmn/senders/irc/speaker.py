"""Staying on one network, and the turns in which it is spoken on.

Networks know nothing of each other. What is asked of one that is away, or where enough are
waiting already, fails at once, so that those who want to speak elsewhere find a place.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from fmn.errors import Absent, PeerAway, TransientFailure
from fmn.senders.irc.connection import Connection
from fmn.senders.irc.lines import Bucket
from fmn.senders.irc.login import LoginRefused, log_in, settle
from fmn.senders.irc.settings import Network
from fmn.senders.irc.speech import Speech

IN_HAND = 4
"""Sends a network has in hand: one speaks, the others wait for their turn."""
USUAL_LINES = 2
"""Lines of most sends: what is said, and a PING."""
LONGEST_LINE = 16 * 1024
"""Bytes from a server without a line end: twice what tags may take."""


class Speaker:
    """Stays connected to one network from `start` to `stop`, and comes back when it is lost."""

    def __init__(self, network: Network, *, alone: bool = True) -> None:
        self._network = network
        self._alone = alone
        self._log = structlog.get_logger(kind="irc", server=network.server)
        self._patience = network.timeout.total_seconds()
        self._speech: Speech | None = None
        self._away = "not connected yet"
        self._pause = network.reconnect_first  # before it is tried again to connect
        self._tried = asyncio.Event()  # Whether there has been an answer, good or bad.
        self._turn = asyncio.Lock()
        self._in_hand = 0

    def start(self) -> None:
        """Begin to connect."""
        self._staying = asyncio.create_task(self._stay())

    async def stop(self) -> None:
        """Take leave."""
        self._staying.cancel()
        with suppress(asyncio.CancelledError):
            await self._staying

    @asynccontextmanager
    async def turn(self, target: str) -> AsyncIterator[Speech]:
        """Wait for a turn and speak.

        Raises PeerAway where there is no connection; TransientFailure where that is no reason to
        stop because there are other networks; Absent where too many wait.
        """
        if self._speech:
            self._speech.expect(target)
        if self._in_hand == IN_HAND:
            raise self._busy()
        self._in_hand += 1
        try:
            async with self._turn:
                yield await self._connected()
        finally:
            self._in_hand -= 1

    def _busy(self) -> Absent:
        soon = self._network.pace * USUAL_LINES * IN_HAND
        return Absent(
            f"{self._network.server}: {IN_HAND} wait for their turn to speak already",
            retry_after=max(soon, timedelta(seconds=1)),
            longest=self._network.wait,
        )

    async def _connected(self) -> Speech:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._tried.wait()
        if self._staying.done():
            self._staying.result()  # A mistake of ours ended it: no peer is to blame.
        if self._speech is None:
            away = PeerAway if self._alone else TransientFailure
            raise away(f"{self._network.server}: {self._away}", retry_after=self._pause)
        return self._speech

    async def _stay(self) -> None:
        now = asyncio.get_running_loop().time
        first, longest = self._network.reconnect_first, self._network.reconnect_longest
        while True:
            began = now()
            try:
                await self._connect_and_listen()
            except (OSError, ValueError) as lost:
                self._away = str(lost) or f"no answer in {self._patience:g} s"
                if now() - began > longest.total_seconds():
                    self._pause = first
                if isinstance(lost, LoginRefused):
                    self._pause = longest
            finally:
                self._tried.set()
            self._log.warning("away", reason=self._away)
            # All who lost this server shall not come back in the same moment.
            await asyncio.sleep(self._pause.total_seconds() * random.uniform(0.5, 1))  # noqa: S311  # no secret
            self._pause = min(2 * self._pause, longest)

    async def _connect_and_listen(self) -> None:
        async with asyncio.timeout(self._patience):
            connection = await self._open()
        try:
            logged_in = await log_in(connection, self._network)
            listening = asyncio.create_task(connection.listen())
            try:
                await settle(connection, self._network, logged_in=logged_in)
                self._speak_on(connection)
                await listening
            finally:
                self._speech = None
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        finally:
            await connection.close()

    def _speak_on(self, connection: Connection) -> None:
        self._speech, self._away = Speech(connection, self._network), "connection lost"
        self._tried.set()
        self._log.info("connected", nick=connection.blotted(connection.nick))

    async def _open(self) -> Connection:
        network = self._network
        streams = await asyncio.open_connection(
            network.host,
            network.port,
            ssl=self._context() if network.tls else None,
            limit=LONGEST_LINE,
        )
        return Connection(
            streams,
            bucket=Bucket(network.burst, network.pace),
            patience=self._patience,
            memory=network.look_again.total_seconds(),
            secrets=network.secrets,
        )

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._network.ca_file:
            context.load_verify_locations(self._network.ca_file)
        return context
