"""Messages as rows, and back: facts and owners as JSON, the body as it came.

Pages read thousands at a time, so JSON is decoded by shape, and not by way of dictionaries.
"""

from typing import Any

import msgspec
from sqlalchemy import Row, Text, cast

from fmn.emission import Handled
from fmn.model import Message, Ownership, Severity
from fmn.storage.tables import messages

Values = dict[str, Any]

LONGEST_URL = 500
"""Characters of a URL by which a message is found: an index takes no more than 2,700 bytes."""

FACTS = cast(messages.c.facts, Text).label("facts")
"""What `Facts.read` reads."""

WITHOUT_BODY = (
    *(messages.c.number, messages.c.id, messages.c.sent_at, messages.c.private, FACTS),
    cast(messages.c.owners, Text).label("owners"),
)
"""What `message_of` reads."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a message says of itself."""

    topic: str
    app: str | None
    agent: str | None
    users: frozenset[str]
    groups: frozenset[str]
    artifacts: frozenset[str]
    severity: Severity
    summary: str
    text: str
    url: str | None

    @classmethod
    def read(cls, facts: str) -> "Facts":
        """Return the facts of a row."""
        return _facts.decode(facts)


_facts = msgspec.json.Decoder(Facts)
_owners = msgspec.json.Decoder(tuple[Ownership, ...])


def row_of(line: Handled) -> Values:
    """Return the row of a message, but for its number."""
    message, url = line.message, line.message.url
    return {
        "id": message.id,
        "facts": _facts_of(message),
        "owners": [
            {"artifact": of.artifact, "users": sorted(of.users), "groups": sorted(of.groups)}
            for of in message.owners
        ],
        "body": message.body,
        "sent_at": message.sent_at,
        "private": message.private,
        "handled_at": line.at,
        "version": line.version,
        "notifications": line.notifications,
        "url": url if url and len(url) <= LONGEST_URL else None,
    }


def message_of(row: Row[Any], body: bytes = b"null") -> Message:
    """Return the message of a row that has WITHOUT_BODY; the owners are those of then."""
    # Name by name: a dictionary for each of thousands doubles the time.
    facts = Facts.read(row.facts)
    return Message(
        id=row.id,
        topic=facts.topic,
        app=facts.app,
        agent=facts.agent,
        users=facts.users,
        groups=facts.groups,
        artifacts=facts.artifacts,
        owners=_owners.decode(row.owners),
        severity=facts.severity,
        summary=facts.summary,
        text=facts.text,
        url=facts.url,
        sent_at=row.sent_at,
        private=row.private,
        body=body,
    )


def _facts_of(message: Message) -> Values:
    return {
        "topic": message.topic,
        "app": message.app,
        "agent": message.agent,
        "users": sorted(message.users),
        "groups": sorted(message.groups),
        "artifacts": sorted(message.artifacts),
        "severity": int(message.severity),
        "summary": message.summary,
        "text": message.text,
        "url": message.url,
    }
