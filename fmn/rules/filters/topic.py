from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.glob import Globs, is_wild
from fmn.rules.me import Me
from fmn.rules.sought import sought
from fmn.rules.words import either, named


class Topic(Filter):
    """One of the patterns matches the topic: `*` is any run of characters, `?` is one."""

    title: ClassVar[str] = "with a topic like"

    patterns: Strings = Field(title="Patterns", examples=[["*.bodhi.update.*"]])

    def matches(self, message: Message, me: Me) -> bool:
        return bool(message.topic) and self._globs.match(message.topic)

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown([message.topic] if message.topic else [])

    def clause(self) -> tuple[str, str]:
        like = "a topic like" if any(map(is_wild, self.patterns)) else "the topic"
        patterns = either(map(named, self.patterns))
        return f"has {like} {patterns}", f"does not have {like} {patterns}"

    def keys(self) -> Cover:
        return Cover(frozenset(sought("topic", pattern) for pattern in self.patterns))

    @cached_property
    def _globs(self) -> Globs:
        return Globs(self.patterns)
