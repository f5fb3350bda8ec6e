"""What a message may have in many forms: globs, words, regular expressions, values in its body.

Each tells of one message whether it has it; how a message is asked for a hundred thousand of them
at once is the matter of `index.seekers`.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from fmn.model import Message
from fmn.rules.access import SHARES, Field, Key, Own, keys_of
from fmn.rules.glob import Globs, is_wild
from fmn.rules.json_value import identity, is_number
from fmn.rules.path import path_of
from fmn.rules.regexes import searchable, searching
from fmn.rules.words import quoted, short

GLOB = 10
"""How many times a glob is as frequent as one value."""
SELDOM, SOMETIMES, OFTEN, EVERYWHERE = 2e-3, 1e-2, 3e-2, 1e-1
"""In what part of all messages something stands: guesses, of which the order counts."""


@dataclass(frozen=True)
class Pattern:
    """A glob over the values of one field; see `glob`."""

    field: Field
    glob: str

    @property
    def share(self) -> float:
        """In what part of all messages a value of the field matches."""
        return GLOB * SHARES[self.field]

    def fits(self, message: Message) -> bool:
        """Tell whether a value of the field matches."""
        return any(key.field == self.field and self.matches(key.value) for key in keys_of(message))

    def matches(self, value: str) -> bool:
        """Tell whether a value matches."""
        return self._globs.match(value)

    @cached_property
    def _globs(self) -> Globs:
        return Globs([self.glob])

    def __str__(self) -> str:
        return f"{self.field} like {short(self.glob)}"


@dataclass(frozen=True, slots=True)
class Word:
    """A text that stands in the summary or in the text of a message."""

    text: str
    """With its case folded."""
    share: ClassVar[float] = SELDOM

    def fits(self, message: Message) -> bool:
        """Tell whether it stands there; case does not count."""
        return any(self.text in text for text in folded_texts(message))

    def __str__(self) -> str:
        return f"word {quoted(self.text)}"


@dataclass(frozen=True)
class Expression:
    """A regular expression (RE2) that is found in the summary or in the text."""

    regex: str
    share: ClassVar[float] = SELDOM

    def fits(self, message: Message) -> bool:
        """Tell whether it is found."""
        return any(self._compiled.search(text) for text in searched(message) if self._compiled)

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401  # RE2 has no types
        return next(iter(searching((self.regex,))), None)

    def __str__(self) -> str:
        return f"regex {quoted(self.regex)}"


@dataclass(frozen=True, slots=True)
class _InBody:
    path: str

    def values(self, message: Message) -> list[object]:
        """Return what stands at the path."""
        return path_of(self.path).values(message.content)


@dataclass(frozen=True, slots=True)
class Equal(_InBody):
    """A value at a path of the body that is equal to one."""

    value: str
    """Its `identity`."""

    @property
    def share(self) -> float:
        """In what part of all messages it stands: `4711` and `R45` name one thing, `done` many."""
        return SELDOM if re.search(r"\d", self.value) else EVERYWHERE

    def fits(self, message: Message) -> bool:
        """Tell whether one of the values is equal."""
        return any(identity(value) == self.value for value in self.values(message))

    def __str__(self) -> str:
        return f"{short(self.path)} equal to {short(self.value)}"


@dataclass(frozen=True, slots=True)
class Begins(_InBody):
    """A string at a path of the body with a beginning."""

    prefix: str
    share: ClassVar[float] = SOMETIMES

    def fits(self, message: Message) -> bool:
        """Tell whether one of the strings begins so."""
        return any(
            isinstance(value, str) and value.startswith(self.prefix)
            for value in self.values(message)
        )

    def __str__(self) -> str:
        return f"{short(self.path)} beginning with {quoted(self.prefix)}"


@dataclass(frozen=True, slots=True)
class Limit(_InBody):
    """A number at a path of the body that reaches a limit."""

    number: Any
    """int or Decimal, finite."""
    is_least: bool
    """Whether it must be at least that, and not at most."""
    share: ClassVar[float] = OFTEN

    def fits(self, message: Message) -> bool:
        """Tell whether one of the numbers is so."""
        return any(is_number(value) and self._is_so(value) for value in self.values(message))

    def _is_so(self, value: Any) -> bool:  # noqa: ANN401  # int or Decimal
        return bool(value >= self.number if self.is_least else value <= self.number)

    def __str__(self) -> str:
        side = "at least" if self.is_least else "at most"
        return f"{short(self.path)} of {side} {short(str(self.number))}"


@dataclass(frozen=True, slots=True)
class Exists(_InBody):
    """Any value at a path of the body, null too."""

    share: ClassVar[float] = OFTEN

    def fits(self, message: Message) -> bool:
        """Tell whether there is one."""
        return bool(self.values(message))

    def __str__(self) -> str:
        return f"{short(self.path)} is there"


OURS = (Key, Own, Pattern, Word, Expression, Equal, Begins, Limit, Exists)
"""Keys that are total: of any other one that raises is taken for found."""


def sought(field: Field, glob: str) -> Key | Pattern:
    """Return what a glob over the values of a field asks for: one without `*` and `?` is a key."""
    return Pattern(field, glob) if is_wild(glob) else Key(field, glob)


def folded_texts(message: Message) -> list[str]:
    """Return summary and text as words are looked for in them."""
    return [text.casefold() for text in (message.summary, message.text) if text]


def searched(message: Message) -> list[str]:
    """Return summary and text as regular expressions search them."""
    return [searchable(text) for text in (message.summary, message.text) if text]
