from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fmn import model
from fmn.model import Message
from fmn.rules.access import Cover, Key
from fmn.rules.filter import Filter
from fmn.rules.me import Me
from fmn.rules.words import either

Level = Literal["debug", "info", "warning", "error"]
Levels = Annotated[tuple[Level, ...], Field(min_length=1)]

NOUNS = {
    "debug": "a debug message",
    "info": "an info message",
    "warning": "a warning",
    "error": "an error",
}


class Severity(Filter):
    """The severity is at least this, or one of these: debug, info, warning, error."""

    title: ClassVar[str] = "at least this severe"

    at_least: Level = Field(default="debug", title="At least", examples=["warning"])
    in_: Levels = Field(default=(), alias="in", title="One of", examples=[["debug", "error"]])

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if len(self.model_fields_set & {"at_least", "in_"}) != 1:
            raise ValueError("expected either `at_least` or `in`")
        return self

    def matches(self, message: Message, me: Me) -> bool:
        return message.severity in self._levels

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return (message.severity.name.lower(),)

    def clause(self) -> tuple[str, str]:
        levels = either(NOUNS[level] for level in self.in_ or (self.at_least,))
        worse = " or worse" if not self.in_ and self.at_least != "error" else ""
        return f"is {levels}{worse}", f"is not {levels}{worse}"

    def keys(self) -> Cover:
        return Cover(frozenset(Key("severity", each.name.lower()) for each in self._levels))

    @cached_property
    def _levels(self) -> frozenset[model.Severity]:
        if self.in_:
            return frozenset(model.Severity[level.upper()] for level in self.in_)
        least = model.Severity[self.at_least.upper()]
        return frozenset(each for each in model.Severity if each >= least)
