"""What every form of a message has: an id, a topic, headers, a body, a time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from fmn.errors import UndecodableMessage
from fmn.model import MessageId, is_own

ID_LENGTH = 255
"""Characters of an id that is taken as it is."""

HALF = re.compile(rb"\\u[dD][89a-fA-F]")
ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a surrogate pair
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A fedora-messaging message, its body not yet read."""

    id: MessageId
    topic: str
    headers: Mapping[str, Any]
    body: bytes


def identity(given: str | None, topic: str, headers: Mapping[str, Any], body: bytes) -> MessageId:
    """Return the id: the given one if it can be used, else its hash, else that of the message."""
    if given:
        usable = len(given) <= ID_LENGTH and given.isprintable() and not is_own(MessageId(given))
        return MessageId(given if usable else sha256(given.encode()).hexdigest())
    # The server adds `x-` headers when it delivers again; it is the same message.
    own = sorted((name, value) for name, value in headers.items() if not name.startswith("x-"))
    return MessageId(sha256(b"\0".join([topic.encode(), repr(own).encode(), body])).hexdigest())


def utc(text: str) -> datetime:
    """Read a time as ISO 8601 has it; without a zone it is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(text) from None


def utf8(raw: bytes) -> bytes:
    """Return JSON that can be written as UTF-8, whatever it escapes. Raises UndecodableMessage."""
    try:
        raw.decode()
    except UnicodeDecodeError as failed:
        raise UndecodableMessage(f"not UTF-8: {failed.reason} at byte {failed.start}") from None
    # Half a surrogate pair is JSON but no text: nobody behind us could store or send it.
    if not HALF.search(raw):
        return raw
    return ESCAPES.sub(lambda found: rb"\ufffd" if found["half"] else found[0], raw)
