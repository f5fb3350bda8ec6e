"""What comes back: from where the settings say, through the report, to the log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fmn.emission import Learned, News
from fmn.errors import InputError
from fmn.kinds import Tell
from fmn.model import DestinationId
from fmn.senders.email.maildir import Maildir
from fmn.senders.email.place import lmtp, maildir
from fmn.senders.email.reports import Report, read
from fmn.senders.email.verp import ReturnPath


@dataclass(frozen=True, slots=True)
class Returned:
    """Deals with each mail that came back."""

    path: ReturnPath
    tell: Tell

    async def take(self, raw: bytes, destination: DestinationId | None = None) -> None:
        """Read a mail; tell when it came back for good. Its headers say whose it is, or you do.

        Raises InputError where it is no such mail, Unavailable where it cannot be told.
        """
        report = await asyncio.to_thread(read, raw)
        whose = destination or self._whose(report)
        if report.failed:
            now = datetime.now(UTC)
            await self.tell(Learned(whose, News.REFUSED, report.of, report.reason, now))

    def _whose(self, report: Report) -> DestinationId:
        for address in report.arrived_for:
            if whose := self.path.destination(address):
                return whose
        raise InputError("it came to no address that we made")


def listener(
    where: str, every: timedelta, path: ReturnPath, tell: Tell
) -> Callable[[], Awaitable[None]]:
    """Return what takes mails from there until cancelled.

    Raises ModuleNotFoundError where a library that it needs is not installed.
    """
    returned = Returned(path, tell)
    if listening := lmtp(where):
        from fmn.senders.email.lmtp import Host, listen  # noqa: PLC0415  # needs aiosmtpd

        host = Host(*listening, path.destination, returned.take)
        return lambda: listen(host)
    return Maildir(Path(maildir(where) or ""), every, returned.take).watch
