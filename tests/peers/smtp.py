"""A mail server in this process: it keeps what it gets, and refuses or fails as it is told."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTPUTF8
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers import free_port


@dataclass(frozen=True)
class Mail:
    """A mail as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    connection: tuple[str, int]
    """The client's end: two mails over one connection have the same."""

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=SMTPUTF8).parsebytes(self.raw)


@dataclass
class Smtp:
    """What the mail server got, and what it shall answer."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    recipients: dict[str, str] = field(default_factory=dict)
    """Address → what to answer to RCPT, instead of taking it."""
    senders: dict[str, str] = field(default_factory=dict)
    """Address → what to answer to MAIL."""
    contents: dict[str, str] = field(default_factory=dict)
    """Address → what to answer to the mail itself; `drop` hangs up, `stall` says nothing."""
    pause: float = 0
    """Seconds until a mail is answered."""
    password: bytes = b"secret"

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.senders.get(address, "250 OK")

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self.recipients:
            envelope.rcpt_tos.append(address)
        return self.recipients.get(address, "250 OK")

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.pause)
        answer = self.contents.get(envelope.rcpt_tos[0], "250 OK")
        if answer == "drop":
            cast(asyncio.Transport, server.transport).abort()
        elif answer == "stall":
            await asyncio.Event().wait()
        elif answer.startswith("2"):
            self.mails.append(_mail(session, envelope))
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        known = isinstance(login, LoginPassword) and login.password == self.password
        # Were a refusal "handled", no answer would go out.
        return AuthResult(success=known, handled=known)


def _mail(session: Session, envelope: Envelope) -> Mail:
    assert envelope.mail_from is not None
    assert envelope.original_content is not None
    recipients = tuple(envelope.rcpt_tos)
    return Mail(
        envelope.mail_from,
        recipients,
        envelope.original_content,
        cast(tuple[str, int], session.peer),
    )


@contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, port: int | None = None, **how: Any
) -> Iterator[Smtp]:
    """Run a mail server; with a context it begins with TLS. `how` goes to aiosmtpd."""
    peer = Smtp(port or free_port())
    controller = Controller(
        peer,
        hostname="127.0.0.1",
        port=peer.port,
        ssl_context=context,
        authenticator=peer.authenticate,
        **{"enable_SMTPUTF8": True, **how},
    )
    controller.start()
    try:
        yield peer
    finally:
        controller.stop()


@pytest.fixture
def smtp() -> Iterator[Smtp]:
    with mail_server() as peer:
        yield peer
