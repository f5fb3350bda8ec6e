"""The values that travel the road, frozen.

A Message comes in; a Notification is one message for one Destination. What a worker makes of them
is in `emission`.
"""

from dataclasses import dataclass
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


def key_of(message: MessageId, destination: DestinationId) -> Key:
    """Return the key of one message for one destination."""
    return Key(f"{message}:{destination}")


def split_key(key: Key) -> tuple[MessageId, DestinationId]:
    """Return message and destination of a key; message ids may hold colons."""
    message, _, destination = key.rpartition(":")
    return MessageId(message), DestinationId(destination)


OWN = "fmn-own-"
"""How the ids of what fmn makes itself begin: `fmn-own-test-…`, `fmn-own-confirm-…`."""


def is_own(message: str) -> bool:
    """Tell whether fmn made it itself: a test, a confirmation. No message of the bus is behind."""
    return message.startswith(OWN)


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
    reason: str = ""
    """Why it is in that state, for its owner to read: the words of a mail server."""
    until: datetime | None = None
    """UTC; when a pause ends by itself."""
    digest: dict[str, Any] | None = None
    """`{every, at}` or `{daily, days}`, as written in YAML."""
    quiet: dict[str, Any] | None = None
    """`{from, to, days, errors_pass}`, as written in YAML."""

    def state_at(self, now: datetime) -> DestinationState:
        """Return the state; a pause that is over is none."""
        paused = self.state is DestinationState.PAUSED
        over = paused and self.until is not None and self.until <= now
        return DestinationState.ACTIVE if over else self.state


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for one destination, naming all the rules that chose it."""

    key: Key
    destination: Destination
    rules: dict[RuleId, str]
    """Id and name of each rule that chose the destination, in the user's order."""
