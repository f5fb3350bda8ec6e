"""Short ways to ask a filter: messages of few facts, kinds by name."""

from typing import Any

from pydantic import ValidationError

from fmn.kinds import kinds, load
from fmn.model import Message, MessageId
from fmn.rules.filter import Filter, Me

KINDS: dict[str, type[Filter]] = {
    kind: load(module) for kind, module in kinds("fmn.rules.filters").items()
}
ALICE = Me("alice", frozenset({"python-sig", "kernel-sig"}))


def a_message(**facts: Any) -> Message:
    return Message(**({"id": MessageId("m-1"), "topic": "org.example.done"} | facts))


def a_filter(kind: str, **arguments: Any) -> Filter:
    written = {name.rstrip("_"): value for name, value in arguments.items()}
    return KINDS[kind].model_validate(written)


def refused(kind: str, **arguments: Any) -> str:
    """Return why a filter of this kind refuses these arguments; empty where it takes them."""
    try:
        a_filter(kind, **arguments)
    except ValidationError as error:
        return str(error)
    return ""
