"""E-mail, handed to one mail server over a few connections that are used again and again."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage
from typing import Literal, Self

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from pydantic import Field, SecretStr, field_validator

from fmn.config import Duration, ExistingFile, Section
from fmn.emission import Content, Recipient
from fmn.errors import FmnError, PermanentFailure, TransientFailure
from fmn.senders.email.address import fault
from fmn.senders.email.mail import mail_of

PERMANENT = range(500, 600)
TOO_BIG = 552
LOGIN_WANTED = {530, 534, 535, 538}


class Email:
    """Hands each notification to the mail server as a mail of its own."""

    class Settings(Section):
        """The mail server that takes our mails, and whom they are from."""

        host: str = Field(default="localhost", pattern=r"^[^\s/@]+$")
        port: int = Field(default=25, ge=1, le=65535)
        tls: Literal["none", "starttls", "tls"] = "none"
        ca_file: ExistingFile = ""
        username: str = ""
        password: SecretStr = SecretStr("")
        from_address: str = "fmn@localhost"
        connections: int = Field(default=4, ge=1, le=100)
        timeout: Duration = timedelta(seconds=45)

        @field_validator("from_address")
        @classmethod
        def _is_mailbox(cls, address: str) -> str:
            if why := fault(address) or (not address.isascii() and "not all ASCII"):
                raise ValueError(f"expected the address of a mailbox, but it is {why}")
            return address

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server = f"mail server {settings.host}:{settings.port}"
        self._log = structlog.get_logger(kind="email", server=self._server)
        self._up: bool | None = None
        self._connections = [_connection(settings) for _ in range(settings.connections)]
        # The connection used last is used first: the others may close in peace.
        self._idle: asyncio.LifoQueue[SMTP] = asyncio.LifoQueue()
        for connection in self._connections:
            self._idle.put_nowait(connection)

    @staticmethod
    def fault(address: str) -> str | None:
        """Return why no mail server would take this address; None if one may."""
        return fault(address)

    @staticmethod
    def unproven(address: str) -> str | None:  # noqa: ARG004  # whoever reads a mail has the mailbox
        """Return why reading what is sent there proves nothing; None where it does."""
        return None

    @property
    def at_once(self) -> int:
        return self._settings.connections

    @property
    def account(self) -> str | None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(_leave(connection) for connection in self._connections))

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Hand one mail over; return when the server has taken it.

        Raises PermanentFailure where the address is none or the server says 5xx of this mail,
        TransientFailure for all else, our own login and certificates included.
        """
        address = recipient.address
        if why := fault(address):
            raise PermanentFailure(f"{address[:300]!r} is {why}")
        mail = mail_of(content, recipient, self._settings.from_address)
        patience = self._settings.timeout.total_seconds()
        try:
            async with asyncio.timeout(patience), self._connected() as connection:
                await self._hand_over(connection, mail, address)
        except TimeoutError:
            raise TransientFailure(f"{self._server}: no answer in {patience:g} s") from None

    async def _hand_over(self, connection: SMTP, mail: EmailMessage, address: str) -> None:
        sender = self._settings.from_address
        try:
            await connection.send_message(mail, sender=sender, recipients=[address])
        except (SMTPException, OSError) as failed:
            raise self._failure(address, failed) from failed

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SMTP]:
        connection = await self._idle.get()
        try:
            if not connection.is_connected:
                await self._connect(connection)
            yield connection
        except asyncio.CancelledError:
            connection.close()  # An answer may be under way, which is not for the next mail.
            raise
        finally:
            self._idle.put_nowait(connection)

    async def _connect(self, connection: SMTP) -> None:
        try:
            await connection.connect()
        except (SMTPException, OSError) as failed:
            self._note(up=False, reason=_words(failed))
            raise TransientFailure(f"{self._server}: {_words(failed)}") from failed
        self._note(up=True)

    def _failure(self, address: str, failed: SMTPException | OSError) -> FmnError:
        answer = failed.recipients[0] if isinstance(failed, SMTPRecipientsRefused) else failed
        if isinstance(answer, SMTPNotSupported):
            return PermanentFailure(f"{address!r}: {self._server} takes only ASCII addresses")
        if isinstance(answer, SMTPResponseException) and not _is_ours(answer):
            failure = PermanentFailure if answer.code in PERMANENT else TransientFailure
            return failure(f"{address!r}: {_words(answer)}")
        return TransientFailure(f"{self._server}: {_words(answer)}")

    def _note(self, *, up: bool, reason: str = "") -> None:
        if up and not self._up:
            self._log.info("connected")
        elif not up and self._up is not False:
            self._log.warning("away", reason=reason)
        self._up = up


def _connection(settings: Email.Settings) -> SMTP:
    return SMTP(
        hostname=settings.host,
        port=settings.port,
        use_tls=settings.tls == "tls",
        start_tls=settings.tls == "starttls",
        cert_bundle=settings.ca_file or None,
        username=settings.username or None,
        password=settings.password.get_secret_value(),
        timeout=None,  # send() limits the whole, not each step
    )


async def _leave(connection: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await connection.quit(timeout=1)
    connection.close()


def _is_ours(answer: SMTPResponseException) -> bool:
    # A sender or a login that is refused is our fault, not this recipient's: nothing is lost.
    refused = isinstance(answer, SMTPSenderRefused) and answer.code != TOO_BIG
    return refused or answer.code in LOGIN_WANTED


def _words(failed: SMTPException | OSError) -> str:
    refused = failed.__cause__ if isinstance(failed.__cause__, ssl.SSLError) else failed
    if isinstance(refused, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {refused.verify_message}; see ca_file"
    said = str(failed)
    if isinstance(failed, SMTPResponseException):
        login = "our login is refused: " if isinstance(failed, SMTPAuthenticationError) else ""
        said = f"{login}{failed.message} ({failed.code})"
    line = "".join(c if c.isprintable() else " " for c in said).strip()
    return line[:500] or type(failed).__name__
