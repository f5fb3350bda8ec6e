"""What comes back over HTTP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import unquote

LONGEST_WAIT = timedelta(days=1)
"""So long a notification waits for a host at most, whatever the host asks for."""
LATER = {408, 425, 429}
"""RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4."""
SERVER_ERROR = 5
MOST_WORDS = 200
"""Characters of the peer's words."""
SHORTEST_SECRET = 6
"""Characters. A shorter part of an address is a word that anybody may say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    """The first bytes of it."""
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """What nobody may read in `words`, should the peer repeat it."""

    @property
    def retry_after(self) -> timedelta | None:
        """How long we are asked to wait, in seconds or until a date; None where we are not.

        At most LONGEST_WAIT. RFC 9110, 10.2.3.
        """
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return min(timedelta(seconds=int(asked[:9])), LONGEST_WAIT)
        try:
            until = parsedate_to_datetime(asked)
        except (ValueError, OverflowError):
            return None
        if until.tzinfo is None:  # Written with -0000: UTC, too.
            until = until.replace(tzinfo=UTC)
        return min(max(until - datetime.now(UTC), timedelta()), LONGEST_WAIT)

    @property
    def is_for_now(self) -> bool:
        """Whether it refuses what it may take later: too slow, early or much, or an own fault."""
        return self.status in LATER or self.status // 100 == SERVER_ERROR

    @property
    def words(self) -> str:
        """Status and the beginning of the body as one clean line, for people.

        A body in HTML is a page, no words: it is left out.
        """
        try:
            status = f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            status = f"{self.status}"
        said = "" if self._is_page else self._said()
        return f"{status}: {said}" if said else status

    @property
    def _is_page(self) -> bool:
        kind = self.headers.get("content-type", "").lower()
        return "html" in kind or self.body.lstrip()[:1] == b"<"

    def _said(self) -> str:
        text = self.body.decode(errors="replace")
        # The longest first: a part of it may be hidden by itself.
        for secret in sorted(self.hidden, key=len, reverse=True):
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= MOST_WORDS else line[:MOST_WORDS] + "…"


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what may be secret in this address: all behind its host, whole and in parts."""
    behind = re.sub(r"^[^/]*//[^/?#]*", "", url)
    pairs = re.split("[?#&]", behind)
    values = [pair.partition("=")[2] for pair in pairs]
    parts = {behind, *re.split("[?#]", behind), *pairs, *values, *re.split("[/?#&=]", behind)}
    long = {part for part in parts if len(part) >= SHORTEST_SECRET}
    return tuple(long | {unquote(part) for part in long})
