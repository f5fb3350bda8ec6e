"""Mails that come back, handed to us by the mail server over LMTP (RFC 2033). Needs aiosmtpd."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakSet

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from fmn.errors import InputError, Unavailable
from fmn.model import DestinationId

LARGEST = 1024 * 1024
"""Bytes of a mail."""
LONGEST_LINE = 64 * 1024
"""Bytes. Those who return mails do not always keep to 998."""
PATIENCE = 60
"""Seconds without a command, and for dealing with a mail: RFC 5321, 4.5.3.2 lets senders wait."""
AGAIN = 1
"""Seconds until it is tried again to listen."""

LATER = "451 4.3.0 not now, try again later"
NOT_OURS = "550 5.1.1 no mail of ours comes back here"
ONE_ONLY = "452 4.5.3 one recipient at a time"  # So that one answer is for one of them.
UNREADABLE = "554 5.6.0 expected a report of a mail that came back"


@dataclass(frozen=True, slots=True)
class Host:
    """Where to listen, and what to do with whom."""

    host: str
    port: int
    destination: Callable[[str], DestinationId | None]
    """Whose mails come back to an address."""
    take: Callable[[bytes, DestinationId], Awaitable[None]]
    """Deals with a mail. Raises InputError, Unavailable."""


class _Conversation(LMTP):
    line_length_limit = LONGEST_LINE


class Reception:
    """What is answered to each command; named as aiosmtpd wants it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._log = structlog.get_logger(kind="email")

    async def handle_RCPT(  # noqa: N802  # see above
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self._host.destination(address) is None:
            return NOT_OURS
        if envelope.rcpt_tos:
            return ONE_ONLY
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  # see above
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        destination = self._host.destination(envelope.rcpt_tos[0])
        if destination is None:
            return NOT_OURS
        try:
            async with asyncio.timeout(PATIENCE / 2):
                await self._host.take(envelope.original_content or b"", destination)
        except InputError as refused:
            self._log.warning("came back unread", destination=destination, reason=str(refused))
            return UNREADABLE
        except (Unavailable, TimeoutError):
            return LATER
        return "250 2.0.0 OK"

    async def handle_exception(self, error: Exception) -> str:
        self._log.error("a mail that came back is not dealt with", exc_info=error)
        return LATER


async def listen(host: Host) -> None:
    """Take mails until cancelled."""
    log = structlog.get_logger(kind="email", host=host.host, port=host.port)
    away = False
    while True:
        try:
            await _serve(host)
        except OSError as failed:  # Whoever listened before may still be leaving.
            if not away:
                log.warning("cannot listen for what comes back", reason=failed.strerror)
            away = True
        await asyncio.sleep(AGAIN)


async def _serve(host: Host) -> None:
    loop = asyncio.get_running_loop()
    conversations: WeakSet[LMTP] = WeakSet()

    def conversation() -> LMTP:
        one = _Conversation(
            Reception(host),
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="fmn",
            ident="fmn",
            timeout=PATIENCE,
            loop=loop,
        )
        conversations.add(one)
        return one

    server = await loop.create_server(conversation, host.host, host.port)
    try:
        async with server:
            await server.serve_forever()
    finally:
        for one in conversations:
            if isinstance(one.transport, asyncio.Transport):
                one.transport.abort()
