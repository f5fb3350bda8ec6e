"""Access keys: what must stand in a message for a filter to hold, so that few need to be looked at.

A message has about twenty keys. A filter that names some needs one of these in every message it
matches; whoever has messages or rules filed under their keys finds the few that can match.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fmn.model import Message
from fmn.rules.glob import is_wild

Field = Literal[
    "application", "topic", "artifact", "type", "name", "user", "agent", "group", "owner",
    "owning group", "severity",
]  # fmt: skip
"""What a key is about. Of the artifact `rpms/kernel` the type is `rpms`, the name `kernel`."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One value that one part of a message has."""

    field: Field
    value: str
    """An application's with its case folded; all others as they are."""


@dataclass(frozen=True, slots=True, order=True)
class Pattern:
    """A glob over the values of one field; see `glob`."""

    field: Field
    glob: str


def sought(field: Field, glob: str) -> Key | Pattern:
    """Return what a glob over the values of a field asks for: one without `*` and `?` is a key."""
    return Pattern(field, glob) if is_wild(glob) else Key(field, glob)


def keys_of(message: Message) -> Iterator[Key]:
    """Return every key of a message, owners included; some may come twice."""
    yield Key("topic", message.topic)
    yield Key("severity", message.severity.name.lower())
    if message.app:
        yield Key("application", message.app.casefold())
    if message.agent:
        yield Key("agent", message.agent)
    for user in message.users:
        yield Key("user", user)
    for group in message.groups:
        yield Key("group", group)
    for artifact in message.artifacts:
        type_, _, name = artifact.partition("/")
        yield from (Key("artifact", artifact), Key("type", type_), Key("name", name))
    for owned in message.owners:
        yield from (Key("owner", user) for user in owned.users)
        yield from (Key("owning group", group) for group in owned.groups)
