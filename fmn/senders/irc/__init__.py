"""IRC: one connection to a network, on which everything is said at a pace no server minds."""

import asyncio
import random
import re
import ssl
from contextlib import suppress
from datetime import timedelta
from typing import Self

import structlog
from pydantic import Field, SecretStr

from fmn.config import Duration, ExistingFile, Section
from fmn.emission import Content, Recipient
from fmn.errors import PermanentFailure, TransientFailure
from fmn.senders.irc.connection import Connection
from fmn.senders.irc.lines import Bucket, clean

NICK = r"[A-Za-z\[\]\\`_^{|}~\x80-\U0010ffff][A-Za-z0-9\[\]\\`_^{|}~\x80-\U0010ffff-]*"
ADDRESS = re.compile(rf"{NICK}|[#&][^\s,:]+")
LONGEST_ADDRESS = 100
"""Bytes. A longer one leaves little room for words."""


class Irc:
    """Says each notification to a nick or in a channel, as one nick on one network."""

    class Settings(Section):
        """The network, who we are on it, and how fast and how much we speak."""

        host: str = Field(default="localhost", pattern=r"^[^\s/@]+$")
        port: int = Field(default=6667, ge=1, le=65535)
        tls: bool = False
        ca_file: ExistingFile = ""
        nick: str = Field(default="fmn", pattern=rf"^{NICK}$")
        realname: str = "Notifications"
        password: SecretStr = SecretStr("")
        burst: int = Field(default=4, ge=1)
        pace: Duration = timedelta(seconds=2)
        lines: int = Field(default=10, ge=1)
        timeout: Duration = timedelta(seconds=30)
        reconnect_first: Duration = timedelta(seconds=1)
        reconnect_longest: Duration = timedelta(minutes=2)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server = f"IRC server {settings.host}:{settings.port}"
        self._log = structlog.get_logger(kind="irc", server=self._server)
        self._patience = settings.timeout.total_seconds()
        self._connection: Connection | None = None
        self._away = "not connected yet"
        self._tried = asyncio.Event()  # Cleared while we are connecting.
        self._turn = asyncio.Lock()

    @staticmethod
    def fault(address: str) -> str | None:
        """Return why nobody has this address on any network; None if somebody may."""
        if not ADDRESS.fullmatch(address) or not address.isprintable() or _is_long(address):
            return "not a nick or a #channel"
        return None

    @staticmethod
    def unproven(address: str) -> str | None:
        """Return why reading what is sent there proves nothing; None where it does."""
        if address.startswith(("#", "&")):
            return "everybody there could read the link"
        return None

    @property
    def at_once(self) -> int:
        return 1

    @property
    def account(self) -> str | None:
        return f"{self._settings.nick}@{self._settings.host}:{self._settings.port}"

    async def __aenter__(self) -> Self:
        self._staying = asyncio.create_task(self._stay())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._staying.cancel()
        with suppress(asyncio.CancelledError):
            await self._staying

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Say the text; return when the server has dealt with every line of it.

        Raises PermanentFailure where the address is none or the server refuses it,
        TransientFailure where there is no connection, or it is lost meanwhile.
        """
        address = recipient.address
        if why := self.fault(address):
            raise PermanentFailure(f"{address[:300]!r} is {why}")
        lines = [clean(line) for line in content.text_for(recipient).splitlines()]
        if not any(map(str.strip, lines)):
            raise PermanentFailure(f"{address!r}: the text is empty")
        async with self._turn:
            connection = await self._connected()
            await connection.say(address, lines, most=self._settings.lines)

    async def _connected(self) -> Connection:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._tried.wait()
        if self._staying.done():
            self._staying.result()  # A mistake of ours ended it: no peer is to blame.
        if self._connection is None:
            raise TransientFailure(f"{self._server}: {self._away}")
        return self._connection

    async def _stay(self) -> None:
        now = asyncio.get_running_loop().time
        delay = self._settings.reconnect_first
        while True:
            began = now()
            self._tried.clear()
            try:
                await self._connect_and_listen()
            except (OSError, ValueError) as lost:
                self._away = clean(str(lost)) or f"no answer in {self._patience:g} s"
            finally:
                self._tried.set()
            self._log.warning("away", reason=self._away)
            if now() - began > self._settings.reconnect_longest.total_seconds():
                delay = self._settings.reconnect_first
            # All who lost this server shall not come back in the same moment.
            await asyncio.sleep(delay.total_seconds() * random.uniform(0.5, 1))  # noqa: S311  # no secret
            delay = min(2 * delay, self._settings.reconnect_longest)

    async def _connect_and_listen(self) -> None:
        async with asyncio.timeout(self._patience):
            connection = await self._open()
        try:
            async with asyncio.timeout(self._patience):
                await connection.register(
                    self._settings.nick,
                    self._settings.realname,
                    self._settings.password.get_secret_value(),
                )
            self._connection = connection
            self._tried.set()
            self._log.info("connected", nick=connection.nick)
            await connection.listen()
        finally:
            self._connection = None
            await connection.close()

    async def _open(self) -> Connection:
        settings = self._settings
        reader, writer = await asyncio.open_connection(
            settings.host, settings.port, ssl=self._context() if settings.tls else None
        )
        bucket = Bucket(settings.burst, settings.pace)
        return Connection(reader, writer, bucket=bucket, patience=self._patience)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._settings.ca_file:
            context.load_verify_locations(self._settings.ca_file)
        return context


def _is_long(address: str) -> bool:
    return len(address.encode(errors="replace")) > LONGEST_ADDRESS
