from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover, Key
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.words import either, named


class Application(Filter):
    """The application that published the message is one of these; case does not count."""

    title: ClassVar[str] = "from an application"

    names: Strings = Field(title="Names", examples=[["bodhi", "koji"]])

    def matches(self, message: Message, me: Me) -> bool:
        return bool(message.app and message.app.casefold() in self._names)

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown([message.app] if message.app else [])

    def clause(self) -> tuple[str, str]:
        names = either(map(named, self.names))
        return f"comes from {names}", f"does not come from {names}"

    def keys(self) -> Cover:
        return Cover(frozenset(Key("application", name) for name in self._names))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.names))
