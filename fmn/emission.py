"""What a worker makes of a message, and what becomes of that: frozen values.

Content and Recipients travel in Chunks through the outbox; an Outcome tells what became of a
notification.
"""

import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fmn.model import Key, Message, Origin, RuleId

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
    """Facts of the message a sender may want: `topic`, `app`, `severity`, `message`; and `stop`:
    followed by a recipient's token it is the address that stops this."""

    def text_for(self, recipient: "Recipient") -> str:
        """Return the text with the recipient's footer in its place."""
        return self.text.replace(FOOTER, recipient.footer)

    def html_for(self, recipient: "Recipient") -> str | None:
        """Return the HTML with the recipient's footer, escaped, its links to click."""
        return self.html and self.html.replace(FOOTER, _in_html(recipient.footer))


def _in_html(footer: str) -> str:
    lines = (LINK.sub(r'<a href="\2">\1</a>', html.escape(line)) for line in footer.splitlines())
    return "<br>".join(lines)


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


@dataclass(frozen=True, slots=True)
class Chunk:
    """An entry of an outbox lane: content rendered once, and recipients still to serve."""

    origin: Origin
    content: Content
    recipients: tuple[Recipient, ...]
    attempt: int = 1

    @property
    def notifications(self) -> int:
        """How many notifications it carries: the ledger counts these."""
        return sum(len(recipient.keys) for recipient in self.recipients)


class State(StrEnum):
    """What became of a notification. In this order a record never goes back.

    A message that the bus delivers again is suppressed as a duplicate, whatever the first one
    came to: so that is the lowest.
    """

    SUPPRESSED = "suppressed"
    RETRYING = "retrying"
    HELD = "held"
    DEAD = "dead"
    FAILED = "failed"
    SENT = "sent"

    @property
    def rank(self) -> int:
        """Position in the order; of two records of one notification the higher rank holds."""
        return list(State).index(self)


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


@dataclass(frozen=True, slots=True)
class Handled:
    """A line of the log: a message was matched, by these rules of this version."""

    message: Message
    at: datetime
    """UTC."""
    version: int
    """Of the rule set that judged: the number of the last preference change in it."""
    notifications: int


LogLine = Handled | Outcome


@dataclass(frozen=True, slots=True)
class Emission:
    """All that a worker makes of one message: what to send, and what to note."""

    chunks: tuple[Chunk, ...]
    log: tuple[LogLine, ...]
