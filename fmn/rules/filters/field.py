from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic import Field as Argument

from fmn.model import Message
from fmn.rules.access import Cover, Sought
from fmn.rules.bounds import MOST_VALUES, Value
from fmn.rules.filter import Filter, shown
from fmn.rules.json_value import Json, Number, identity, in_words, is_number, summed_up
from fmn.rules.me import Me
from fmn.rules.path import path_of
from fmn.rules.sought import Begins, Equal, Exists, Limit
from fmn.rules.words import either, quoted, short

OPERATORS = ("equals", "in", "prefix", "at_least", "at_most", "exists")


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError("expected true; `negate: true` asks whether there is none")
    return True


def _names(path: str) -> str:
    if not all(name for name, _ in path_of(path).steps):
        raise ValueError(r"expected names joined by dots: `a.b`, `a[].b`, `a\.b`")
    return path


class Field(Filter):
    r"""A value in the body of the message is so.

    The path is names joined by dots; `[]` behind a name is each element of a list, `\.` is a dot
    in a name. Numbers, strings and truth values differ: 1 is 1.0, but neither "1" nor true.
    """

    title: ClassVar[str] = "with a value in its body"

    path: Annotated[Value, AfterValidator(_names)] = Argument(
        title="Path", examples=["update.bugs[].bug_id"]
    )
    equals: Json = Argument(default=None, title="Equals")
    in_: Annotated[tuple[Json, ...], Argument(min_length=1, max_length=MOST_VALUES)] = Argument(
        default=(), alias="in", title="One of"
    )
    prefix: Value = Argument(default="", title="Begins with")
    at_least: Number = Argument(default=None, title="At least")
    at_most: Number = Argument(default=None, title="At most")
    exists: Annotated[bool, BeforeValidator(_true)] = Argument(default=False, title="Exists")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if len(self._given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(f'`{o}`' for o in OPERATORS)}")
        return self

    def matches(self, message: Message, me: Me) -> bool:
        return any(map(self._is_so, self._values(message)))

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        so = map(summed_up, filter(self._is_so, self._values(message)))
        return shown(so) or shown(map(summed_up, self._values(message)))

    def clause(self) -> tuple[str, str]:
        value = f"{short(self.path)}{self._how()}"
        return f"has {value}", f"has no {value}"

    def keys(self) -> Cover:
        return Cover(frozenset(self._sought()))

    def _sought(self) -> Iterable[Sought]:
        match self._operator:
            case "exists":
                return [Exists(self.path)]
            case "prefix":
                return [Begins(self.path, self.prefix)]
            case "at_least":
                return [Limit(self.path, self.at_least, is_least=True)]
            case "at_most":
                return [Limit(self.path, self.at_most, is_least=False)]
        return (Equal(self.path, value) for value in self._wanted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def _values(self, message: Message) -> list[object]:
        return path_of(self.path).values(message.content)

    def _is_so(self, value: object) -> bool:
        match self._operator:
            case "exists":
                return True
            case "prefix":
                return isinstance(value, str) and value.startswith(self.prefix)
            case "at_least":
                return is_number(value) and value >= self.at_least
            case "at_most":
                return is_number(value) and value <= self.at_most
        return identity(value) in self._wanted

    def _how(self) -> str:
        match self._operator:
            case "exists":
                return ""
            case "prefix":
                return f" beginning with {quoted(self.prefix)}"
            case "at_least" | "at_most" as limit:
                return f" of {limit.replace('_', ' ')} {in_words(self.arguments()[limit])}"
        return f" equal to {either(map(in_words, self.in_ or [self.equals]))}"

    @cached_property
    def _given(self) -> list[str]:
        return [name.rstrip("_") for name in self.model_fields_set - {"path", "negate"}]

    @cached_property
    def _operator(self) -> str:
        return self._given[0]

    @cached_property
    def _wanted(self) -> frozenset[str]:
        return frozenset(map(identity, self.in_ or [self.equals]))

    @cached_property
    def _identity(self) -> tuple[bool, str, str, str]:
        argument = self.arguments()[self._operator]
        return self.negate, self.path, self._operator, identity(argument)
