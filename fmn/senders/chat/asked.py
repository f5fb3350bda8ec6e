"""What is said between us and a process that Apprise runs in: a line of JSON each."""

from dataclasses import dataclass, field

import msgspec

LONGEST_REPLY = 16 * 1024
"""Bytes of a line that the process says."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first line to the process: how it has to behave."""

    patience: float
    """Seconds to connect, and seconds to wait for an answer."""
    networks: tuple[str, ...]
    """Private networks that may be spoken to."""


@dataclass(frozen=True, slots=True)
class Request:
    """Every other line to it: one notification."""

    url: str = field(repr=False)
    """Apprise's. It holds secrets."""
    secrets: tuple[str, ...] = field(repr=False)
    """What no reply may hold."""
    subject: str
    text: str
    escape: bool
    """Whether Apprise escapes what would mean something in the service's markup."""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What it says to each line: what became of the notification."""

    number: int
    sent: bool
    status: int = 0
    """Of HTTP; 0 where nobody answered."""
    words: str = ""
    """Why it was not sent. Without secrets."""
    wait: float | None = None
    """The service asks us to wait for so many seconds."""
    doubt: bool = False
    """Nobody answered, and somebody may have taken it."""
    never: bool = False
    """It was not tried, now or later: Apprise does not take it, or its network is not public."""


def line(said: Start | Request | Reply) -> bytes:
    return msgspec.json.encode(said) + b"\n"
