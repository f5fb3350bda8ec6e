"""What a form asks for a filter, made from the filter's class: a new kind brings its own form.

Its fields are read from its JSON schema: title, examples, type. What the schema cannot say the
class itself is asked, with samples: whether it takes only one of its arguments, and which
values of the history may be offered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import ValidationError

from fmn.rules.access import Field, Key
from fmn.rules.filter import Filter
from fmn.rules.me import Me
from fmn.rules.sought import Pattern
from fmn.web.editor.json_text import read_json, write_json

SAMPLE = "x"
NOBODY = Me(SAMPLE, frozenset())
COMMONEST = (
    "application",
    "owner",
    "artifact",
    "user",
    "agent",
    "topic",
    "severity",
    "text",
    "group",
    "regex",
    "field",
)
"""What people ask for most, first; any other kind comes after these, by name."""
OWN = {"me", "mine"}
"""What stands for the user and the user's groups, where the examples say that it may."""


class Shape(StrEnum):
    """How an argument is typed in."""

    LINES = "lines"
    """Some texts, each in a field of its own."""
    LINE = "line"
    VALUES = "values"
    """Some values of JSON, each in a field of its own."""
    VALUE = "value"
    SOME = "some"
    """Some of a few choices."""
    ONE = "one"
    """One of a few choices."""
    TRUE = "true"
    """True, or not there."""


MANY = {Shape.LINES, Shape.VALUES, Shape.SOME}


@dataclass(frozen=True, slots=True)
class Control:
    """One argument of a filter and how it is typed in."""

    argument: str
    """Its written name."""
    title: str
    shape: Shape
    examples: tuple[str, ...]
    choices: tuple[str, ...]
    required: bool
    suggests: Field | None
    """Values of this field of messages may be offered."""

    @property
    def grows(self) -> bool:
        """Tell whether there may be one more field for it."""
        return self.shape in {Shape.LINES, Shape.VALUES}

    @property
    def own(self) -> tuple[str, ...]:
        """Return what may stand for the user: `me`, or `mine` for the user's groups."""
        return tuple(example for example in self.examples if example in OWN)

    def value(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the argument as it is written; nothing where nothing was typed."""
        typed = [text.strip() if self.suggests else text for text in texts if text.strip()]
        if not typed:
            return {}
        if self.shape in {Shape.VALUES, Shape.VALUE}:
            values: list[Any] = [read_json(text) for text in typed]
        else:
            values = [True] if self.shape is Shape.TRUE else typed
        return {self.argument: values if self.shape in MANY else values[0]}

    def texts(self, value: Any) -> tuple[str, ...]:  # noqa: ANN401  # any argument of any kind
        """Return what to type for this value: what `value` turns back into it."""
        values = value if self.shape in MANY else [value]
        if self.shape in {Shape.VALUES, Shape.VALUE}:
            return tuple(map(write_json, values))
        return ("true",) if self.shape is Shape.TRUE else tuple(values)


@dataclass(frozen=True, slots=True)
class Question:
    """What a form asks for a filter of one kind."""

    kind: str
    help: str = ""
    title: str = ""
    """What a message is that it asks for, in few words: "from an application"."""
    controls: tuple[Control, ...] = ()
    one_way: bool = False
    """Whether exactly one of the controls that are not required is filled in."""

    @property
    def required(self) -> tuple[Control, ...]:
        """Return the controls that always count."""
        return tuple(each for each in self.controls if each.required or not self.one_way)

    @property
    def ways(self) -> tuple[Control, ...]:
        """Return the controls of which one is chosen."""
        return tuple(each for each in self.controls if each not in self.required)


def questions(filters: Mapping[str, type[Filter]]) -> dict[str, Question]:
    """Return the question of each kind of filter, by kind, the commonest first."""
    first = {kind: place for place, kind in enumerate(COMMONEST)}
    kinds = sorted(filters, key=lambda kind: (first.get(kind, len(first)), kind))
    return {kind: question(kind, filters[kind]) for kind in kinds}


@cache
def question(kind: str, filter_: type[Filter]) -> Question:
    """Return what to ask for a filter of this class."""
    schema = filter_.model_json_schema()
    fields = {name: field for name, field in schema["properties"].items() if name != "negate"}
    needed = {name: _sample(fields[name]) for name in schema.get("required", ()) if name in fields}
    samples = {name: _sample(field) for name, field in fields.items()}
    controls = tuple(
        _control(name, field, name in needed, _field_of(filter_, needed | {name: samples[name]}))
        for name, field in fields.items()
    )
    rest = [needed | {name: samples[name]} for name in fields if name not in needed]
    together = not all(_takes(filter_, each) for each in rest) or _takes(filter_, samples)
    help_ = " ".join(schema.get("description", "").split())
    title = getattr(filter_, "title", "") or help_.partition(". ")[0].rstrip(".")
    one_way = len(rest) > 1 and not together
    return Question(kind, help_, title, controls, one_way=one_way)


def _control(name: str, field: Mapping[str, Any], required: bool, about: Field | None) -> Control:  # noqa: FBT001
    shape = _shape(field)
    examples = next(iter(field.get("examples", ())), ())
    return Control(
        argument=name,
        title=field.get("title", name),
        shape=shape,
        examples=(examples,) if isinstance(examples, str) else tuple(examples),
        choices=tuple(field.get("items", field).get("enum", ())),
        required=required,
        suggests=about if shape is Shape.LINES else None,
    )


def _shape(field: Mapping[str, Any]) -> Shape:
    one = field.get("items", field)
    if "enum" in one:
        few, some = Shape.ONE, Shape.SOME
    elif one.get("type") == "string":
        few, some = Shape.LINE, Shape.LINES
    else:
        few, some = Shape.VALUE, Shape.VALUES
    if one.get("type") == "boolean":
        return Shape.TRUE
    return some if "items" in field else few


def _sample(field: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any argument of any kind
    shape = _shape(field)
    if shape is Shape.LINE and "examples" in field:
        return field["examples"][0]
    if shape in {Shape.SOME, Shape.ONE}:
        one: Any = field.get("items", field)["enum"][0]
    else:
        one = {Shape.TRUE: True, Shape.VALUE: 0, Shape.VALUES: 0}.get(shape, SAMPLE)
    return [one] if shape in MANY else one


def _takes(filter_: type[Filter], arguments: Mapping[str, Any]) -> bool:
    try:
        filter_.model_validate(arguments)
    except ValidationError:
        return False
    return True


def _field_of(filter_: type[Filter], arguments: Mapping[str, Any]) -> Field | None:
    cover = filter_.model_validate(arguments).keys() if _takes(filter_, arguments) else None
    keys = cover.resolved(NOBODY) if cover else ()
    fields = {key.field for key in keys if isinstance(key, Key | Pattern)}
    return fields.pop() if len(fields) == 1 else None
