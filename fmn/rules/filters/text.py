from functools import cached_property
from typing import ClassVar

from pydantic import Field

from fmn.model import Message
from fmn.rules.access import Cover
from fmn.rules.filter import Filter, Strings, shown
from fmn.rules.me import Me
from fmn.rules.sought import Word, folded_texts
from fmn.rules.words import either, quoted


class Text(Filter):
    """The summary or the text contains one of the words; case does not count."""

    title: ClassVar[str] = "with words"

    words: Strings = Field(title="Words", examples=[["security", "CVE-"]])

    def matches(self, message: Message, me: Me) -> bool:
        texts = folded_texts(message)
        return any(word in text for text in texts for word in self._words)

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        texts = folded_texts(message)
        found = (word for word in self.words if any(word.casefold() in text for text in texts))
        return shown(found) or shown(filter(None, [message.summary]))

    def clause(self) -> tuple[str, str]:
        words = either(map(quoted, self.words))
        return f"says {words}", f"does not say {words}"

    def keys(self) -> Cover:
        return Cover(frozenset(map(Word, self._words)))

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.words))
