"""What rules of the loop need of a message, worked out once for all of them."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from fmn.model import Message
from fmn.rules.json_value import identity, is_number
from fmn.rules.path import Path
from fmn.rules.sought import folded_texts, searched

T = TypeVar("T")


class Memo(dict[str, T]):
    """What stands at a path of the body, worked out when a rule first asks."""

    def __init__(self, known: Callable[[str], T]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, path: str) -> T:
        found = self[path] = self._known(path)
        return found


class Facts:
    """A message as the closures of rules see it; what is absent is None, so equal to no name."""

    __slots__ = (
        "agent", "app", "artifacts", "folded", "groups", "identities", "least", "most", "names",
        "owners", "owning", "parts", "searched", "severity", "strings", "summary", "text", "topic",
        "types", "users", "values",
    )  # fmt: skip

    def __init__(self, message: Message) -> None:
        self.topic = message.topic or None
        self.app = message.app.casefold() if message.app else None
        self.agent = message.agent or None
        self.users, self.groups = message.users, message.groups
        self.severity = message.severity.value
        self._take_artifacts(message)
        self._take_texts(message)
        self._take_body(message.content)

    def _take_artifacts(self, message: Message) -> None:
        split = [artifact.partition("/") for artifact in message.artifacts]
        self.artifacts = message.artifacts
        self.parts = [(type_, name) for type_, _, name in split]
        self.types = frozenset(type_ for type_, _ in self.parts)
        self.names = frozenset(name for _, name in self.parts)
        self.owners = frozenset[str]().union(*(owned.users for owned in message.owners))
        self.owning = frozenset[str]().union(*(owned.groups for owned in message.owners))

    def _take_texts(self, message: Message) -> None:
        self.folded, self.searched = folded_texts(message), searched(message)
        self.summary, self.text = message.summary.casefold(), message.text.casefold()

    def _take_body(self, content: object) -> None:
        def numbers(path: str) -> list[Any]:
            return [value for value in values[path] if is_number(value)]

        self.values = values = Memo(lambda path: Path(path).values(content))
        self.identities = Memo(lambda path: frozenset(map(identity, values[path])))
        self.strings = Memo(lambda path: [each for each in values[path] if isinstance(each, str)])
        self.most = Memo(lambda path: max(numbers(path), default=-math.inf))
        self.least = Memo(lambda path: min(numbers(path), default=math.inf))
