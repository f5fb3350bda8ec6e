import json
import re
from collections.abc import Hashable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Self, TypeGuard

from pydantic import AfterValidator, BeforeValidator, StrictStr, model_validator
from pydantic import Field as Argument

from fmn.model import Message
from fmn.rules.filter import Filter, Me, shown

DEEPEST = 50
"""Levels of lists and objects in an argument; a value in a body that is deeper equals none."""

OPERATORS = ("equals", "in", "prefix", "at_least", "at_most", "exists")


def _json(value: object, depth: int = 0) -> object:
    """Return an argument as JSON with exact numbers; raise ValueError where it is none."""
    if depth > DEEPEST:
        raise ValueError(f"expected at most {DEEPEST} lists and objects within each other")
    if isinstance(value, list | tuple):
        return [_json(item, depth + 1) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _json(item, depth + 1) for name, item in value.items()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value)
    raise ValueError("expected a string, a number, true, false, null, a list or an object")


def _number(value: object) -> int | Decimal:
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if isinstance(exact, Decimal) and exact.is_finite():
        return exact
    if isinstance(exact, int) and not isinstance(exact, bool):
        return exact
    raise ValueError("expected a finite number")


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError("expected true; `negate: true` asks whether there is none")
    return True


def _names(path: str) -> str:
    if not all(name for name, _ in _steps(path)):
        raise ValueError(r"expected names joined by dots: `a.b`, `a[].b`, `a\.b`")
    return path


Json = Annotated[Any, BeforeValidator(_json)]
Number = Annotated[Any, BeforeValidator(_number)]


class Field(Filter):
    r"""A value in the body of the message is so.

    The path is names joined by dots; `[]` behind a name is each element of a list, `\.` is a dot
    in a name. Numbers, strings and truth values differ: 1 is 1.0, but neither "1" nor true.
    """

    path: Annotated[StrictStr, AfterValidator(_names)] = Argument(
        title="Path", examples=["update.bugs[].bug_id"]
    )
    equals: Json = Argument(default=None, title="Equals")
    in_: Annotated[tuple[Json, ...], Argument(min_length=1)] = Argument(
        default=(), alias="in", title="One of"
    )
    prefix: StrictStr = Argument(default="", title="Begins with")
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
        so = map(_words, filter(self._is_so, self._values(message)))
        return shown(so) or shown(map(_words, self._values(message)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def _values(self, message: Message) -> list[object]:
        return _values(message.content, self._steps)

    def _is_so(self, value: object) -> bool:
        match self._operator:
            case "exists":
                return True
            case "prefix":
                return isinstance(value, str) and value.startswith(self.prefix)
            case "at_least":
                return _is_number(value) and value >= self.at_least
            case "at_most":
                return _is_number(value) and value <= self.at_most
        return _identity(value) in self._wanted

    @cached_property
    def _given(self) -> list[str]:
        return [name.rstrip("_") for name in self.model_fields_set - {"path", "negate"}]

    @cached_property
    def _operator(self) -> str:
        return self._given[0]

    @cached_property
    def _steps(self) -> list[tuple[str, int]]:
        return _steps(self.path)

    @cached_property
    def _wanted(self) -> frozenset[Hashable]:
        return frozenset(map(_identity, self.in_ or [self.equals]))

    @cached_property
    def _identity(self) -> Hashable:
        argument = self.arguments()[self._operator]
        return self.negate, self.path, self._operator, _identity(argument)


def _steps(path: str) -> list[tuple[str, int]]:
    r"""Return each name, `\.` read as a dot, with the number of `[]` behind it."""
    return [_step(part) for part in re.split(r"(?<!\\)\.", path)]


def _step(part: str) -> tuple[str, int]:
    end = len(part)
    while part.endswith("[]", 0, end):
        end -= 2
    return part[:end].replace(r"\.", "."), (len(part) - end) // 2


def _values(content: object, steps: list[tuple[str, int]]) -> list[object]:
    values = [content]
    for name, lists in steps:
        values = [value[name] for value in values if isinstance(value, dict) and name in value]
        for _ in range(lists):
            values = [item for value in values if isinstance(value, list) for item in value]
    return values


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _identity(value: object, depth: int = 0) -> Hashable:
    """Return what is equal for equal JSON only: Python's own True is 1."""
    if depth > DEEPEST:
        return object()
    if isinstance(value, bool):
        return "truth", value
    if isinstance(value, list | tuple):
        return "list", tuple(_identity(item, depth + 1) for item in value)
    if isinstance(value, dict):
        items = ((name, _identity(item, depth + 1)) for name, item in value.items())
        return "object", frozenset(items)
    return value


def _words(value: object) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
