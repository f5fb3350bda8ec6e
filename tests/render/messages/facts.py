"""How our sample messages are made: plain facts, and a body like the schema class asks for."""

import json
from datetime import UTC, datetime
from typing import Any

from fmn.model import Message, MessageId, Severity

Cases = dict[str, Message]
Body = dict[str, Any]

WHEN = datetime(2026, 5, 4, 8, 31, tzinfo=UTC)


def a_message(topic: str, body: Body, **facts: Any) -> Message:  # as Message has them
    """Return a message on our bus; what it was published as says where a template is silent."""
    known: dict[str, Any] = {
        "summary": "As it was published",
        "text": "As it was published, in full.",
        "sent_at": WHEN,
        "severity": Severity.INFO,
    }
    artifacts = frozenset(facts.pop("artifacts", ()))
    return Message(
        MessageId("m1"),
        f"org.fedoraproject.prod.{topic}",
        artifacts=artifacts,
        body=json.dumps(body).encode(),
        **(known | facts),
    )
