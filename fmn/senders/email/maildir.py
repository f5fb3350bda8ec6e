"""Mails that come back, put into a maildir by the mail server.

What is dealt with is removed from it. What nobody could read, or came to no address of ours, is
moved to `cur` for somebody to look at, and never looked at again by us.
"""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from fmn.errors import InputError, Unavailable

LARGEST = 1024 * 1024
"""Bytes of a mail."""
SEEN = ":2,S"
"""What a name in `cur` ends in."""


@dataclass(frozen=True, slots=True)
class Maildir:
    """A folder with `new` and `cur` in it, and what to do with each mail."""

    folder: Path
    every: timedelta
    take: Callable[[bytes], Awaitable[None]]
    """Deals with a mail. Raises InputError, Unavailable."""

    async def watch(self) -> None:
        """Take mails until cancelled."""
        log = structlog.get_logger(kind="email", folder=str(self.folder))
        away = False
        while True:
            try:
                for mail in await asyncio.to_thread(self._new):
                    await self._deal_with(mail)
                away = False
            except (OSError, Unavailable) as failed:
                if not away:
                    log.warning("what came back has to wait", reason=str(failed))
                away = True
            await asyncio.sleep(self.every.total_seconds())

    def _new(self) -> list[Path]:
        for part in ("new", "cur"):  # What could not be removed would be told again and again.
            if not os.access(self.folder / part, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(
                    f"{str(self.folder / part)!r} is missing or not ours to change"
                )
        return sorted((self.folder / "new").iterdir())

    async def _deal_with(self, mail: Path) -> None:
        try:
            await self.take(await asyncio.to_thread(_read, mail))
        except FileNotFoundError:  # Somebody else removed it, which is just as well.
            return
        except InputError as refused:
            log = structlog.get_logger(kind="email", folder=str(self.folder))
            log.warning("came back unread", file=mail.name, reason=str(refused))
            await asyncio.to_thread(self._put_aside, mail)
        else:
            await asyncio.to_thread(mail.unlink, missing_ok=True)

    def _put_aside(self, mail: Path) -> None:
        mail.rename(self.folder / "cur" / f"{mail.name.partition(':')[0]}{SEEN}")


def _read(mail: Path) -> bytes:
    try:
        about = mail.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError("not a file")
        if about.st_size > LARGEST:
            raise InputError(f"larger than {LARGEST:,} bytes")
        return mail.read_bytes()
    except PermissionError as failed:
        raise InputError("we may not read it") from failed
