"""Values for tests: complete, valid, and changed by what a test names."""

from typing import Any

from fmn.emission import Chunk, Content, Recipient
from fmn.model import (
    Destination,
    DestinationId,
    DestinationState,
    Message,
    MessageId,
    Origin,
    RuleId,
    key_of,
)


def a_message(message_id: str = "m-1", **changes: Any) -> Message:
    facts: dict[str, Any] = {"topic": "org.example.build.done", "summary": "kernel was built"}
    return Message(MessageId(message_id), **(facts | changes))


def a_destination(name: str = "email", **changes: Any) -> Destination:
    facts: dict[str, Any] = {
        "id": DestinationId(f"d-{name}"),
        "user": "alice",
        "kind": "email",
        "address": "alice@example.org",
        "state": DestinationState.ACTIVE,
    }
    return Destination(name=name, **(facts | changes))


def a_recipient(message: str = "m-1", destination: str = "d-email", **changes: Any) -> Recipient:
    facts: dict[str, Any] = {"address": "alice@example.org", "rules": {RuleId("r-1"): "My rule"}}
    key = key_of(MessageId(message), DestinationId(destination))
    return Recipient(**({"keys": (key,)} | facts | changes))


def a_chunk(*recipients: Recipient, **changes: Any) -> Chunk:
    content = Content("email", "kernel was built", "kernel was built\n")
    facts: dict[str, Any] = {"origin": Origin("0/1-0"), "content": content}
    return Chunk(recipients=recipients or (a_recipient(),), **(facts | changes))
