from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo

from fmn.model import Message
from fmn.rules.access import Cover
from fmn.rules.bounds import MOST_REGEXES, Value
from fmn.rules.filter import Filter, shown
from fmn.rules.me import Me
from fmn.rules.regexes import Budget, searching
from fmn.rules.sought import Expression, searched
from fmn.rules.words import either, quoted


def _counted(pattern: str, validation: ValidationInfo) -> str:
    budget: Budget = validation.context or Budget()
    budget.take(pattern)
    return pattern


class Regex(Filter):
    """One of the regular expressions (RE2) is found in the summary or in the text."""

    title: ClassVar[str] = "matching a regular expression"

    patterns: Annotated[
        tuple[Annotated[Value, AfterValidator(_counted)], ...],
        Field(min_length=1, max_length=MOST_REGEXES),
    ] = Field(title="Patterns", examples=[["(?i)fail(ed|ure)"]])

    @property
    def regexes(self) -> tuple[str, ...]:
        return self.patterns

    def matches(self, message: Message, me: Me) -> bool:
        return next(self._found(message), None) is not None

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown(self._found(message)) or shown(filter(None, [message.summary]))

    def clause(self) -> tuple[str, str]:
        patterns = either(map(quoted, self.patterns))
        return f"matches the regex {patterns}", f"does not match the regex {patterns}"

    def keys(self) -> Cover:
        return Cover(frozenset(map(Expression, self.patterns)))

    def _found(self, message: Message) -> Iterator[str]:
        for text in searched(message):
            for regex in self._regexes:
                if found := regex.search(text):
                    yield found.group()

    @cached_property
    def _regexes(self) -> list[Any]:
        return searching(self.patterns)
