"""Short ways to ask a filter: messages of few facts, kinds by name."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from fmn.kinds import kinds, load
from fmn.model import Message, MessageId
from fmn.rules.filter import Filter
from fmn.rules.me import Me, Memberships

KINDS: dict[str, type[Filter]] = {
    kind: load(module) for kind, module in kinds("fmn.rules.filters").items()
}
ALICE = Me("alice", frozenset({"python-sig", "kernel-sig"}))


class Changing:
    """Groups that change, as a directory's do while a rule set is in use."""

    def __init__(self, **groups: Iterable[str]) -> None:
        self.change(**groups)

    def change(self, **groups: Iterable[str]) -> None:
        self.known = {user: frozenset(theirs) for user, theirs in groups.items()}
        self._now = Memberships(self.known)

    def groups_of(self, user: str) -> frozenset[str]:
        return self._now.groups_of(user)

    def members_of(self, group: str) -> frozenset[str]:
        return self._now.members_of(group)


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
