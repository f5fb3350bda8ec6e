"""What a worker makes of a message, and what becomes of that: frozen values.

Content and Recipients travel in Chunks through the outbox; an Outcome tells what became of a
notification, and what is Learned of its address.
"""

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from fmn.model import DestinationId, Key, Message, Origin, RuleId

FOOTER = "\x1e"
"""The one place in rendered text where a recipient's footer goes. It cannot be in a message:
rendering removes control characters."""

LINK = re.compile(r"(.+): (https?://[^\s<>]+)")
"""A line of a footer that is a link."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a template made of a message, complete but for the recipient's footer."""

    kind: str
    subject: str
    """One line without control characters."""
    text: str
    """May hold FOOTER once."""
    html: str | None = None
    """May hold FOOTER once."""
    headers: dict[str, str] = field(default_factory=dict)
    """Facts of the message a sender may want: `topic`, `app`, `severity`, `message`, `url`,
    `sent_at` (ISO 8601, UTC), `artifact` (the first one, which makes a thread of what is said of
    it); of a digest topic, url and artifact only where they are all its messages', and the highest
    severity. `stop`: followed by a recipient's token it is the address that stops this. Of a
    confirmation `code` and `user`: what proves that somebody reads this, and who asked."""

    def text_for(self, recipient: "Recipient") -> str:
        """Return the text with the recipient's footer in its place."""
        return self.text.replace(FOOTER, recipient.footer)

    def html_for(self, recipient: "Recipient") -> str | None:
        """Return the HTML with the recipient's footer, escaped, its links to click."""
        return self.html and self.html.replace(FOOTER, _in_html(recipient.footer))


def _in_html(footer: str) -> str:
    return "<br>".join(map(_linked, html.escape(footer).splitlines()))


def _linked(line: str) -> str:
    # The search for a link is quadratic in a line that has none.
    return LINK.sub(r'<a href="\2">\1</a>', line) if ": http" in line else line


@dataclass(frozen=True, slots=True)
class Recipient:
    """Only inside a chunk: whom to send to, and for which notifications."""

    keys: tuple[Key, ...]
    """One, or for a digest many."""
    address: str
    rules: dict[RuleId, str]
    """Id and name of each rule that chose this."""
    token: str = ""
    """Signed; the links in its mails are made from it."""
    footer: str = ""
    """Plain text; why this came, and a line `words: address` for each link."""

    @property
    def identity(self) -> str:
        """What stands for these notifications and no others, in every retry: 64 hex digits."""
        return hashlib.sha256("\n".join(self.keys).encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """An entry of an outbox lane: content rendered once, and recipients still to serve."""

    origin: Origin
    content: Content
    recipients: tuple[Recipient, ...]
    attempt: int = 1
    absent_since: datetime | None = None
    """When nobody was there for the first time; UTC."""
    insist: bool = False
    """An operator replayed it: it is sent whatever may have become of earlier attempts."""

    @property
    def notifications(self) -> int:
        """How many notifications it carries: the ledger counts these."""
        return sum(len(recipient.keys) for recipient in self.recipients)


DUPLICATE = "duplicate"
"""The reason of what was suppressed because the bus delivered its message before."""
LOWEST = -1
"""The rank of a duplicate."""


class State(StrEnum):
    """What became of a notification. In this order a record never goes back."""

    HELD = "held"
    RETRYING = "retrying"
    SUPPRESSED = "suppressed"
    DEAD = "dead"
    FAILED = "failed"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line of the log: what became of one notification, and when."""

    key: Key
    kind: str
    rules: tuple[RuleId, ...]
    state: State
    at: datetime
    """UTC."""
    attempts: int = 0
    reason: str | None = None
    """Why it was not sent, or not yet: `unconfirmed`, `duplicate`, the peer's words."""

    @property
    def rank(self) -> int:
        """Place in the order of states; of two records of one notification the higher holds.

        A message that the bus delivers again is suppressed as a duplicate, whatever the first one
        came to: so that is the lowest.
        """
        again = self.state is State.SUPPRESSED and self.reason == DUPLICATE
        return LOWEST if again else list(State).index(self.state)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A chunk that did not go into its lane: to be kept until it may."""

    chunk: Chunk
    channel: int
    entry: str
    """Its id in the lane `held` of that channel: the smaller, the older."""
    reason: str
    """`lane full`."""
    due: datetime | None = None
    """UTC; None: as soon as its lane has room."""


@dataclass(frozen=True, slots=True)
class Release:
    """Notifications that were withheld and now go, all of one kind on one channel, and only once.

    Some go into their lane; some do not, because of what has changed meanwhile.
    """

    id: str
    """Opaque, never reused."""
    channel: int
    kind: str
    entries: frozenset[str]
    """Where they stood in the lane `held`; what is not yet off there must wait."""
    chunks: tuple[Chunk, ...]
    """Oldest first."""
    suppressed: tuple[Outcome, ...]
    """What does not go, and why."""
    erased: int = 0
    """Notifications of deleted accounts: they do not go either, and nobody is left to be told."""


class News(StrEnum):
    """What a sender learns of an address."""

    PROVEN = "proven"
    """Whoever owns it agrees to be written to."""
    REFUSED = "refused"
    """What was sent there came back for good; where that goes on it is a bouncing destination."""
    GONE = "gone"
    """It does not exist any more."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A line of the log: what came back from a destination."""

    destination: DestinationId
    news: News
    of: str
    """What it came back for, a key or the peer's own id: the same is counted once."""
    reason: str
    """The peer's words."""
    at: datetime
    """UTC."""


@dataclass(frozen=True, slots=True)
class Handled:
    """A line of the log: a message was matched, by these rules of this version."""

    message: Message
    at: datetime
    """UTC."""
    version: int
    """Of the rule set that judged: the number of the last preference change in it."""
    notifications: int


LogLine = Handled | Outcome | Learned


@dataclass(frozen=True, slots=True)
class Emission:
    """What a worker makes of one message: what to send, and what to note.

    For very many it is a part of that, small enough to be written in one unit. The parts are in the
    order of kinds and destinations, suppressed notifications among them, so where one ends says
    all of how far they have come.
    """

    chunks: tuple[Chunk, ...]
    """By kind, then by destination."""
    log: tuple[LogLine, ...]
    rest: Callable[[], Self] | None = None
    """Makes the next part, once: to be asked when this one is written. None: this is the last."""
