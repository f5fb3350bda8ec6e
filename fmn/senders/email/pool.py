"""Connections to one mail server, which are used again and again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from fmn.errors import TransientFailure
from fmn.senders.email.answers import GOING, Failed, failure, is_clear, words

INTERNATIONAL = (b"SMTPUTF8", b"BODY=8BITMIME")
"""For an address outside ASCII: RFC 6531, 3.4."""
GO_ON = 354
TAKEN = {250, 251}
"""251: the server knows where the recipient is now."""


class Connection(SMTP):
    """One connection, which knows how far it came with a mail.

    aiosmtplib's own `sendmail` does not tell; and it takes nearly twice as long, because it parses
    each address twice and mends line ends that need no mending.
    """

    left = False
    """Whether anything of the last mail itself may have left."""

    @property
    def has_login(self) -> bool:
        """Whether greeting the server takes our password."""
        return self._login_username is not None

    async def greet(self) -> None:
        """Connect and say who we are."""
        await self.connect()
        if self.is_ehlo_or_helo_needed:
            try:
                await self.ehlo()
            except SMTPHeloError:
                await self.helo()

    async def hand_over(self, mail: bytes, sender: str, address: str) -> None:
        """Hand over a mail with proper line ends, between addresses without anything odd."""
        self.left = False
        try:
            await self._envelope(sender, address, self._options(mail, address))
            await self._content(mail)
        except (SMTPException, OSError) as failed:
            if is_clear(failed):
                await self._begin_anew()
            else:
                self.close()  # Whatever comes next on it is not for the next mail.
            raise

    def _options(self, mail: bytes, address: str) -> list[bytes]:
        options = [b"SIZE=%d" % len(mail)] if self.supports_extension("size") else []
        if not address.isascii():
            if not self.supports_extension("smtputf8"):
                raise SMTPNotSupported("SMTPUTF8")
            options += INTERNATIONAL
        return options

    async def _envelope(self, sender: str, address: str, options: list[bytes]) -> None:
        answer = await self.execute_command(b"MAIL", b"FROM:<%b>" % sender.encode(), *options)
        if answer.code not in TAKEN:
            raise SMTPSenderRefused(answer.code, answer.message, sender)
        answer = await self.execute_command(b"RCPT", b"TO:<%b>" % address.encode())
        if answer.code not in TAKEN:
            raise SMTPRecipientRefused(answer.code, answer.message, address)

    async def _content(self, mail: bytes) -> None:
        self.left = True
        answer = await self.execute_command(b"DATA")
        if answer.code != GO_ON or self.protocol is None:
            raise SMTPDataError(answer.code, answer.message)
        self.protocol.write(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n")  # RFC 5321, 4.5.2
        answer = await self.protocol.read_response()
        if answer.code not in TAKEN:
            raise SMTPDataError(answer.code, answer.message)

    async def _begin_anew(self) -> None:
        try:
            await self.rset()
        except (SMTPException, OSError):
            self.close()


class Pool:
    """As many connections as there may be; each is made when it is needed."""

    def __init__(self, make: Callable[[], Connection], most: int, server: str) -> None:
        self._server = server
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
        """Hand one mail over; return when the server has taken it. Raises the two failures."""
        connection = await self._idle.get()
        try:
            await self._over(connection, mail, sender, address)
        except (SMTPException, OSError) as failed:
            raise failure(self._server, address, failed) from failed
        except asyncio.CancelledError:
            connection.close()  # An answer may be under way, which is not for the next mail.
            raise
        finally:
            self._idle.put_nowait(connection)

    async def _over(self, connection: Connection, mail: bytes, sender: str, address: str) -> None:
        if connection.is_connected:
            try:
                return await connection.hand_over(mail, sender, address)
            except (SMTPException, OSError) as failed:
                if connection.left or not _is_going(failed):
                    raise
            # The server had closed it while nobody used it. Nothing has left, so no attempt
            # is spent on that: another connection is as good.
            connection.close()
        await self._connect(connection)
        return await connection.hand_over(mail, sender, address)

    async def _connect(self, connection: Connection) -> None:
        try:
            await connection.greet()
        except (SMTPException, OSError) as failed:
            connection.close()
            reason = words(failed, logged_in=not connection.has_login)
            self._note(up=False, reason=reason)
            raise TransientFailure(f"{self._server}: {reason}") from None  # see words()
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
