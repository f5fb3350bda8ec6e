import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field

from fmn.model import Message
from fmn.rules.bounds import MOST_REGEXES, Value
from fmn.rules.filter import Filter, Me, shown
from fmn.rules.words import either, quoted

LARGEST = 2**20
"""Memory in bytes that a pattern may need to be compiled. RE2's time grows with text and pattern:
at this size a text of 1 MiB takes half a minute at the very worst."""


def _compile(pattern: str, **options: int) -> Any:  # noqa: ANN401  # RE2 has no types
    chosen = re2.Options()
    chosen.log_errors = False
    for name, value in options.items():
        setattr(chosen, name, value)
    return re2.compile(pattern, chosen)


def _is_regex(pattern: str) -> str:
    try:
        _compile(pattern, max_mem=LARGEST)
    except re2.error as refused:
        said = refused.args[0].decode("utf-8", "replace")
        raise ValueError(f"RE2 refuses it: {said}") from None
    return pattern


class Regex(Filter):
    """One of the regular expressions (RE2) is found in the summary or in the text."""

    patterns: Annotated[
        tuple[Annotated[Value, AfterValidator(_is_regex)], ...],
        Field(min_length=1, max_length=MOST_REGEXES),
    ] = Field(title="Patterns", examples=[["(?i)fail(ed|ure)"]])

    def matches(self, message: Message, me: Me) -> bool:
        return next(self._found(message), None) is not None

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return shown(self._found(message)) or shown(filter(None, [message.summary]))

    def clause(self) -> tuple[str, str]:
        patterns = either(map(quoted, self.patterns))
        return f"matches the regex {patterns}", f"does not match the regex {patterns}"

    def _found(self, message: Message) -> Iterator[str]:
        for text in filter(None, (message.summary, message.text)):
            searched = _without_surrogates(text)
            for regex in self._regexes:
                if found := regex.search(searched):
                    yield found.group()

    @cached_property
    def _regexes(self) -> list[Any]:
        return [_compile(pattern) for pattern in self.patterns]


def _without_surrogates(text: str) -> str:
    # JSON can name half of a surrogate pair; RE2 reads UTF-8, which cannot.
    return re.sub("[\ud800-\udfff]", "\ufffd", text)
