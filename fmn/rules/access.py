"""Access keys: what must stand in a message for a filter to hold, so that few need to be looked at.

A message has about twenty keys. A filter that names some holds for the messages that have one of
them, and for no others; whoever has messages or rules filed under their keys finds those that can
match. What cannot be looked up as it stands, a glob or a word, is `sought`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from fmn.model import Message
from fmn.rules.me import Me
from fmn.rules.words import short

Field = Literal[
    "application", "topic", "artifact", "type", "name", "user", "agent", "group", "owner",
    "owning group", "severity",
]  # fmt: skip
"""What a key is about. Of the artifact `rpms/kernel` the type is `rpms`, the name `kernel`."""

Personal = Literal["user", "agent", "owner", "group", "owning group"]
"""What may be the rule's user, or a group of the rule's user."""


SHARES: dict[Field, float] = {
    "owner": 1e-5,
    "user": 1e-5,
    "artifact": 1e-4,
    "name": 1e-4,
    "agent": 1e-4,
    "group": 1e-3,
    "owning group": 1e-3,
    "topic": 1e-2,
    "application": 5e-2,
    "type": 3e-1,
    "severity": 3e-1,
}
"""In what part of all messages one key of a field stands: guesses, of which the order counts."""


class Key(NamedTuple):
    """One value that one part of a message has."""

    field: Field
    value: str
    """An application's with its case folded; all others as they are."""

    @property
    def share(self) -> float:
        """In what part of all messages it stands."""
        return SHARES[self.field]

    def __str__(self) -> str:
        return f"{self.field} {short(self.value)}"


@dataclass(frozen=True, slots=True)
class Own:
    """The key of the rule's own user, or those of the user's groups: `me` and `mine`."""

    field: Personal

    @property
    def share(self) -> float:
        """In what part of all messages one of them stands."""
        return SHARES[self.field]

    def resolved(self, me: Me) -> Iterable[Key]:
        """Return the keys it is for this user."""
        return [Key(self.field, name) for name in (me.groups if self.is_group else [me.user])]

    @property
    def is_group(self) -> bool:
        """Tell whether it is the user's groups that count."""
        return self.field in {"group", "owning group"}

    def __str__(self) -> str:
        return f"{self.field} {'mine' if self.is_group else 'me'}"


class Sought(Protocol):
    """What many messages may have in many forms, so that it cannot be looked up as it stands."""

    def __hash__(self) -> int: ...

    @property
    def share(self) -> float:
        """In what part of all messages it stands: a guess; see `SHARES`."""
        ...

    def fits(self, message: Message) -> bool:
        """Tell whether a message has it. Pure and total."""
        ...


Asked = Key | Own | Sought


@dataclass(frozen=True, slots=True)
class Cover:
    """Keys of which every message that a filter matches, `negate` aside, has one.

    Where none of them is an `Own`, the filter says the same whosever rule it is.
    """

    keys: frozenset[Any]
    """Of `Key`, `Own` and `Sought`; where it is empty the filter matches nothing."""
    exact: bool = True
    """Whether it matches every message that has one."""

    @property
    def is_personal(self) -> bool:
        """Tell whether it depends on whose rule it is."""
        return any(isinstance(key, Own) for key in self.keys)

    @property
    def share(self) -> float:
        """In what part of all messages one of the keys may stand."""
        share: float = sum(key.share for key in self.keys)
        return share

    def resolved(self, me: Me) -> frozenset[Any]:
        """Return the keys, with `me` and `mine` as those of this user."""
        own = (key for key in self.keys if isinstance(key, Own))
        others = (key for key in self.keys if not isinstance(key, Own))
        return frozenset(others).union(*(each.resolved(me) for each in own))


def people(field: Literal["user", "agent", "owner"], users: Iterable[str]) -> Iterable[Key | Own]:
    """Return what a list of users asks for, in which `me` is the rule's user."""
    return (Own(field) if user == "me" else Key(field, user) for user in users)


def teams(field: Literal["group", "owning group"], groups: Iterable[str]) -> Iterable[Key | Own]:
    """Return what a list of groups asks for, in which `mine` is every group of the rule's user."""
    return (Own(field) if group == "mine" else Key(field, group) for group in groups)


def named(message: Message, field: Personal) -> Iterable[str]:
    """Return the users or groups that a message has in a field; some may come twice."""
    match field:
        case "agent":
            return [message.agent] if message.agent else []
        case "user":
            return message.users
        case "group":
            return message.groups
        case "owner":
            return [user for owned in message.owners for user in owned.users]
        case "owning group":
            return [group for owned in message.owners for group in owned.groups]


def keys_of(message: Message) -> list[Key]:
    """Return every key of a message, owners included; some may come twice."""
    keys = [Key("severity", message.severity.name.lower())]
    if message.topic:
        keys.append(Key("topic", message.topic))
    if message.app:
        keys.append(Key("application", message.app.casefold()))
    if message.agent:
        keys.append(Key("agent", message.agent))
    keys += [Key("user", user) for user in message.users]
    keys += [Key("group", group) for group in message.groups]
    for artifact in message.artifacts:
        type_, _, name = artifact.partition("/")
        keys += (Key("artifact", artifact), Key("type", type_), Key("name", name))
    for owned in message.owners:
        keys += [Key("owner", user) for user in owned.users]
        keys += [Key("owning group", group) for group in owned.groups]
    return keys
