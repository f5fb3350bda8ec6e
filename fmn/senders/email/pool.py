"""Connections to one mail server, which are used again and again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import structlog
from aiosmtplib import (
    SMTP,
    SMTPConnectResponseError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
)

from fmn.errors import PeerAway
from fmn.senders.email.answers import GOING, PERMANENT, Failed, Stage, failure, is_clear, words
from fmn.senders.email.wire import Wire

INTERNATIONAL = (b"SMTPUTF8", b"BODY=8BITMIME")
"""For an address outside ASCII: RFC 6531, 3.4."""
READY = 220
GO_ON = 354
AT_ONCE = 16 * 1024
"""Bytes of a mail that the system takes as a whole: it buffers far more than that."""
UNDER_WAY = {Stage.CONTENT, Stage.LEFT}
TAKEN = 2
"""First digit of an answer; what is not known is read by it alone: RFC 5321, 4.2."""


class Connection(SMTP):
    """One connection, which knows how far it came with a mail.

    aiosmtplib's own `sendmail` does not tell; and it takes nearly twice as long, because it parses
    each address twice and mends line ends that need no mending.
    """

    protocol: Wire | None
    stage = Stage.GREETING
    """How far the last mail came."""
    _begun = False
    """Whether the server knows of a mail that it has refused, in whole or in part."""

    @property
    def has_login(self) -> bool:
        """Whether greeting the server takes our password."""
        return self._login_username is not None

    async def greet(self) -> None:
        """Connect and say who we are."""
        self.stage, self._begun = Stage.GREETING, False
        await self.connect()
        if self.is_ehlo_or_helo_needed:
            try:
                await self.ehlo()
            except SMTPHeloError as refused:
                if refused.code not in PERMANENT:
                    raise
                await self.helo()

    async def hand_over(self, mail: bytes, sender: str, address: str) -> None:
        """Hand over a mail with proper line ends, between addresses without anything odd."""
        self.stage = Stage.SENDER
        try:
            await self._begin_anew()
            await self._envelope(sender, address, self._options(mail, address))
            await self._content(mail)
        except BaseException as failed:
            if not is_clear(failed):
                self.drop()  # Whatever comes next on it is not for the next mail.
            raise
        self._begun = False

    def drop(self) -> None:
        """Close at once: nothing that is still with us may leave any more."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()
        self.close()

    async def _create_connection(self, timeout: float | None) -> SMTPResponse:  # noqa: ASYNC109  # its name
        # aiosmtplib lets nobody choose the protocol, so what opens a connection is replaced, a
        # step of `connect`: from the greeting on each answer shall be read by Wire.
        loop = asyncio.get_running_loop()
        wire = Wire(loop, self._on_connection_lost)
        tls = await self._get_tls_context() if self.use_tls else None
        port = self.port or self._get_default_port()
        self.transport, self.protocol = await loop.create_connection(
            lambda: wire, self.hostname or "localhost", port, ssl=tls
        )
        answer = await wire.read_response(timeout)
        if answer.code != READY:
            raise SMTPConnectResponseError(answer.code, answer.message)
        return answer

    def _options(self, mail: bytes, address: str) -> list[bytes]:
        options = [b"SIZE=%d" % len(mail)] if self.supports_extension("size") else []
        if not address.isascii():
            if not self.supports_extension("smtputf8"):
                raise SMTPNotSupported("SMTPUTF8")
            options += INTERNATIONAL
        return options

    async def _begin_anew(self) -> None:
        if self.protocol is not None:
            self.protocol.expect_nothing()
        if self._begun:
            await self.rset()
        self._begun = True

    async def _envelope(self, sender: str, address: str, options: list[bytes]) -> None:
        answer = await self.execute_command(b"MAIL", b"FROM:<%b>" % sender.encode(), *options)
        if answer.code // 100 != TAKEN:
            raise SMTPSenderRefused(answer.code, answer.message, sender)
        self.stage = Stage.RECIPIENT
        answer = await self.execute_command(b"RCPT", b"TO:<%b>" % address.encode())
        if answer.code // 100 != TAKEN:
            raise SMTPRecipientRefused(answer.code, answer.message, address)

    async def _content(self, mail: bytes) -> None:
        self.stage = Stage.CONTENT
        answer = await self.execute_command(b"DATA")
        protocol, transport = self.protocol, self.transport
        if answer.code != GO_ON or protocol is None or transport is None:
            raise SMTPDataError(answer.code, answer.message)
        lines = mail.replace(b"\r\n.", b"\r\n..")  # RFC 5321, 4.5.2
        if len(lines) > AT_ONCE:
            # All else leaves before the dot does: without that the server has no mail.
            cast(asyncio.Transport, transport).set_write_buffer_limits(0)
            protocol.write(lines)
            await protocol._drain_helper()  # noqa: SLF001  # as asyncio's own streams do
            lines = b""
        protocol.expect_nothing()
        self.stage = Stage.LEFT
        protocol.write(lines + b".\r\n")
        answer = await protocol.read_response()
        if answer.code // 100 != TAKEN:
            raise SMTPDataError(answer.code, answer.message)


class Pool:
    """As many connections as there may be; each is made when it is needed."""

    def __init__(
        self, make: Callable[[], Connection], most: int, server: str, patience: float
    ) -> None:
        self._server = server
        self._patience = patience
        self._log = structlog.get_logger(kind="email", server=server)
        self._up: bool | None = None
        self._connections = [make() for _ in range(most)]
        # The connection used last is used first: the others may close in peace.
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in self._connections:
            self._idle.put_nowait(connection)

    async def close(self) -> None:
        """Take leave on every connection."""
        await asyncio.gather(*(_leave(connection) for connection in self._connections))

    async def hand_over(self, mail: bytes, sender: str, address: str) -> None:
        """Hand one mail over; return when the server has taken it. Raises what `failure` says."""
        late = TimeoutError(f"no answer in {self._patience:g} s")
        stage = Stage.WAITING
        try:
            async with asyncio.timeout(self._patience):
                connection = await self._idle.get()
                try:
                    await self._over(connection, mail, sender, address)
                finally:
                    stage = connection.stage
                    self._idle.put_nowait(connection)
        except TimeoutError:
            raise failure(self._server, address, late, stage) from None
        except (SMTPException, OSError) as failed:
            raise failure(self._server, address, failed, stage) from failed

    async def _over(self, connection: Connection, mail: bytes, sender: str, address: str) -> None:
        if connection.is_connected:
            try:
                return await connection.hand_over(mail, sender, address)
            except (SMTPException, OSError) as failed:
                if connection.stage in UNDER_WAY or not _is_going(failed):
                    raise
            # The server had closed it while nobody used it. Nothing has left, so no attempt
            # is spent on that: another connection is as good.
            connection.drop()
        await self._connect(connection)
        return await connection.hand_over(mail, sender, address)

    async def _connect(self, connection: Connection) -> None:
        try:
            await connection.greet()
        except asyncio.CancelledError:
            connection.drop()
            raise
        except (SMTPException, OSError) as failed:
            connection.drop()
            reason = words(failed, logged_in=not connection.has_login)
            self._note(up=False, reason=reason)
            raise PeerAway(f"{self._server}: {reason}") from None  # see words()
        self._note(up=True)

    def _note(self, *, up: bool, reason: str = "") -> None:
        if up and not self._up:
            self._log.info("connected")
        elif not up and self._up is not False:
            self._log.warning("away", reason=reason)
        self._up = up


def _is_going(failed: Failed) -> bool:
    if isinstance(failed, SMTPResponseException):
        return failed.code == GOING
    return isinstance(failed, ConnectionError)


async def _leave(connection: Connection) -> None:
    with suppress(SMTPException, OSError):
        await connection.quit(timeout=1)
    connection.close()
