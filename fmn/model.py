"""The values that travel the road, frozen.

A Message comes in; a Notification is one message for one Destination; Content and Recipients
travel in Chunks through the outbox; an Outcome tells what became of a notification.
"""

import html
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, NewType

from fmn.exact import exact_json

MessageId = NewType("MessageId", str)
UserId = NewType("UserId", str)
RuleId = NewType("RuleId", str)
DestinationId = NewType("DestinationId", str)
Key = NewType("Key", str)
"""Identity of a notification: `message-id:destination-id`, split at the last colon."""
Origin = NewType("Origin", str)
"""Channel and entry id of the message behind a notification; the same in every retry."""

FOOTER = "\x1e"
"""The one place in rendered text where a recipient's footer goes. It cannot be in a message:
rendering removes control characters."""


def key_of(message: MessageId, destination: DestinationId) -> Key:
    """Return the key of one message for one destination."""
    return Key(f"{message}:{destination}")


def split_key(key: Key) -> tuple[MessageId, DestinationId]:
    """Return message and destination of a key; message ids may hold colons."""
    message, _, destination = key.rpartition(":")
    return MessageId(message), DestinationId(destination)


class Severity(IntEnum):
    """How much a message matters, as fedora-messaging counts it."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who directly owns one artifact."""

    artifact: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Message:
    """One thing that happened, as published, as plain facts. Absent is None or empty."""

    id: MessageId
    topic: str
    app: str | None = None
    agent: str | None = None
    """Name of the account that did it."""
    users: frozenset[str] = frozenset()
    """Names of everybody it mentions."""
    groups: frozenset[str] = frozenset()
    artifacts: frozenset[str] = frozenset()
    """`type/name`, as in `rpms/kernel`."""
    owners: tuple[Ownership, ...] = ()
    """Who owns the artifacts; added in the worker from the directory."""
    severity: Severity = Severity.INFO
    summary: str = ""
    """One line for people."""
    text: str = ""
    """The long form, where the application has one."""
    url: str | None = None
    sent_at: datetime | None = None
    """UTC."""
    private: bool = False
    """Only people named in it may hear of it."""
    body: bytes = b"null"
    """Raw JSON."""

    @cached_property
    def content(self) -> Any:  # noqa: ANN401  # JSON is what it is
        """The body as values, numbers exact (`exact_json`); None where it is not JSON."""
        try:
            return exact_json(self.body)
        except (ValueError, RecursionError):
            return None

    def names(self, user: str) -> bool:
        """Tell whether the message names this user, as one mentioned or as the one who did it."""
        return user == self.agent or user in self.users


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What came from the bus and is no message: a dead letter of its head and the reason."""

    head: bytes
    """The first bytes of the body."""
    reason: str


class DestinationState(StrEnum):
    """Whether a destination may be written to; anything but active is a reason to suppress."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    PAUSED = "paused"
    BOUNCING = "bouncing"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Destination:
    """A kind and an address where a user wants to hear."""

    id: DestinationId
    user: str
    """The user's name."""
    name: str
    kind: str
    """Equals the name of a sender's file."""
    address: str
    """What the sender of that kind understands: mailbox, nick or room, URL."""
    state: DestinationState = DestinationState.UNCONFIRMED
    digest: dict[str, Any] | None = None
    """`{every, at}` or `{daily, days}`, as written in YAML."""
    quiet: dict[str, Any] | None = None
    """`{from, to, days, errors_pass}`, as written in YAML."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for one destination, naming all the rules that chose it."""

    key: Key
    destination: Destination
    rules: dict[RuleId, str]
    """Id and name of each rule that chose the destination, in the user's order."""


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
    """Facts of the message a sender may want: `topic`, `app`, `severity`, `message`."""

    def text_for(self, recipient: "Recipient") -> str:
        """Return the text with the recipient's footer in its place."""
        return self.text.replace(FOOTER, recipient.footer)

    def html_for(self, recipient: "Recipient") -> str | None:
        """Return the HTML with the recipient's footer, escaped, in its place."""
        return self.html and self.html.replace(FOOTER, html.escape(recipient.footer))


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
    """Plain text; why this came."""


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
