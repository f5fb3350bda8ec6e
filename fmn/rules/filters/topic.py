from functools import cached_property

from pydantic import Field

from fmn.model import Message
from fmn.rules.filter import Filter, Me, Strings, shown
from fmn.rules.glob import Globs


class Topic(Filter):
    """One of the patterns matches the topic: `*` is any run of characters, `?` is one."""

    patterns: Strings = Field(title="Patterns", examples=[["*.bodhi.update.*"]])

    def matches(self, message: Message, me: Me) -> bool:
        return bool(message.topic) and self._globs.match(message.topic)

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown([message.topic] if message.topic else [])

    @cached_property
    def _globs(self) -> Globs:
        return Globs(self.patterns)
