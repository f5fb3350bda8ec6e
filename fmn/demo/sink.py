"""A mail server that keeps every mail as a file, for people to open."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmn.errors import ConfigError

if TYPE_CHECKING:  # it comes with the extra `embedded`, and only the demo needs it
    from aiosmtpd.smtp import SMTP, Envelope, Session


class _Folder:
    """Keeps what it is handed, one file for each recipient."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> str:  # noqa: N802  # aiosmtpd's name
        del server, session
        for address in envelope.rcpt_tos:
            safe = re.sub(r"[^A-Za-z0-9@.+-]", "_", address)
            name = f"{next(self._numbers):03d}-{safe}.eml"
            await asyncio.to_thread(
                (self._folder / name).write_bytes, envelope.original_content or b""
            )
        return "250 kept"


@asynccontextmanager
async def mail_sink(folder: Path) -> AsyncIterator[int]:
    """Keep mails in this folder, which exists, until the block ends; yields a port of loopback.

    Raises ConfigError where the extra is missing.
    """
    smtp = _protocol()
    loop = asyncio.get_running_loop()
    handler = _Folder(folder)

    def session() -> "SMTP":
        protocol: SMTP = smtp(handler, loop=loop, enable_SMTPUTF8=True, hostname="localhost")
        return protocol

    server = await loop.create_server(session, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _protocol() -> Any:  # noqa: ANN401  # aiosmtpd's SMTP, where it is
    try:
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415  # see above
    except ModuleNotFoundError:
        raise ConfigError(
            "the demo's mail server", "install fmn with its extra `embedded`"
        ) from None
    return SMTP
