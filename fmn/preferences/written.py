"""Preferences in the shape people write them: what may stand where, and what to say if not."""

import re
import unicodedata
from collections.abc import Callable
from secrets import token_hex
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from fmn.errors import FieldError
from fmn.rules import bounds
from fmn.rules.regexes import Budget

Path = tuple[str | int, ...]
"""Where something stands: keys of mappings and places in lists."""
Shape = TypeVar("Shape", bound=BaseModel)

EXPECTED = {
    "missing": "it is missing",
    "too_short": "the list is empty",
    "too_long": "expected at most {max_length:,} of these",
    "string_unicode": "there is half of a surrogate pair",
    "string_too_long": "expected at most {max_length:,} characters",
    "model_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
}
"""What we say instead of pydantic, by its names of what is wrong."""


def check(
    shape: type[Shape],
    written: object,
    where: str,
    at: Path = (),
    budget: Budget | None = None,
) -> Shape:
    """Return what is written at this path as this shape, or raise FieldError.

    What is bounded for a user as a whole is counted against the budget.
    """
    try:
        return shape.model_validate(written, context=budget)
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_input=False)[0]
        raise refusal(where, (*at, *first["loc"]), _expected(first, shape)) from None


def refusal(where: str, path: Path, expected: str) -> FieldError:
    """Return the error that names file, path (`users.alice.rules[0].name`) and expectation."""
    # "[key]" is pydantic's word for a key that is wrong itself.
    path = tuple(_shown(step) for step in path if step != "[key]")
    named = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return FieldError(
        *filter(None, [where, named.removeprefix("."), expected]), path=path, expected=expected
    )


def _shown(step: str | int) -> str | int:
    if isinstance(step, int):
        return step
    return (step if step.isprintable() else ascii(step)[1:-1])[:100]


def _expected(error: Any, shape: type[BaseModel]) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    if error["type"] in EXPECTED:
        return EXPECTED[error["type"]].format(**error.get("ctx", {}))
    if error["type"] == "extra_forbidden":
        known = ", ".join(field.alias or name for name, field in shape.model_fields.items())
        nested = len(error["loc"]) > 1
        return "there is no such key" if nested else f"there is no such key; known: {known}"
    said: str = error["msg"]
    return said.removeprefix("Value error, ").replace("Input should be", "expected")


def _like(pattern: str, expected: str) -> AfterValidator:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(checked)


def _printed(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("expected no control characters and line breaks")
    return text


def _between(least: int, most: int) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not least <= len(text) <= most:
            raise ValueError(f"expected {least} to {most} characters")
        return text

    return checked


def _user_name(text: str) -> str:
    if not text.isprintable() or any(character.isspace() for character in text):
        raise ValueError("expected printable characters without spaces")
    return text


Id = Annotated[StrictStr, _like("[A-Za-z0-9_-]{1,64}", "an id: 1 to 64 of A-Z a-z 0-9 _ -")]
UserName = Annotated[StrictStr, AfterValidator(_between(1, 255)), AfterValidator(_user_name)]
RuleName = Annotated[StrictStr, AfterValidator(_between(1, 200)), AfterValidator(_printed)]
DestinationName = Annotated[StrictStr, _like("[a-z0-9-]{1,40}", "1 to 40 of a-z 0-9 -")]
Address = Annotated[StrictStr, AfterValidator(_between(1, 2000)), AfterValidator(_printed)]
Span = Annotated[
    StrictStr,
    _like(r"(?=.*[1-9])[0-9]{1,6}(\.[0-9]{1,6})?[smhd]", "a number and a unit: 5s, 10m, 1h, 30d"),
]
Time = Annotated[StrictStr, _like("([01][0-9]|2[0-3]):[0-5][0-9]", 'a time: "08:00"')]
Days = Annotated[
    list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)
]


class Written(BaseModel):
    """A mapping as people write it; a key nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_written(self) -> dict[str, Any]:
        """Return it with its written names, defaults left out."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Digest(Written):
    """When collected messages go: after a time or a number of them, or at a time of day."""

    every: Span = ""
    at: Annotated[StrictInt, Field(ge=1)] = 1
    daily: Time = ""
    days: Days = []

    @model_validator(mode="after")
    def _says_one_way(self) -> Self:
        given = self.model_fields_set
        collects = given and given <= {"every", "at"}
        if not collects and given not in ({"daily"}, {"daily", "days"}):
            raise ValueError("expected `every` and/or `at`, or `daily` with or without `days`")
        return self


class Quiet(Written):
    """Hours in which nothing goes out."""

    from_: Time = Field(alias="from")
    to: Time
    days: Days = []
    errors_pass: StrictBool = False


def _new_id() -> str:
    return token_hex(8)


class WrittenDestination(Written):
    """A destination; its name is the key it stands under."""

    id: Id = Field(default_factory=_new_id)
    kind: StrictStr
    address: Address
    digest: Digest | None = None
    quiet: Quiet | None = None


class NamedDestination(WrittenDestination):
    """A destination by itself, so with its name in it."""

    name: DestinationName


class WrittenRule(Written):
    """A rule; each filter is a mapping of `kind` and arguments."""

    id: Id = Field(default_factory=_new_id)
    name: RuleName
    enabled: StrictBool = True
    everything: StrictBool = False
    filters: Annotated[
        list[dict[str, Any]], Field(min_length=1, max_length=bounds.MOST_FILTERS)
    ] = []
    destinations: Annotated[
        list[StrictStr], Field(min_length=1, max_length=bounds.MOST_DESTINATIONS)
    ]


class WrittenUser(Written):
    """One user's entry."""

    groups: Annotated[list[bounds.Value], Field(max_length=bounds.MOST_VALUES)] = []
    destinations: Annotated[
        dict[DestinationName, WrittenDestination], Field(max_length=bounds.MOST_DESTINATIONS)
    ] = {}
    rules: Annotated[list[WrittenRule], Field(max_length=bounds.MOST_RULES)] = []


class WrittenOwner(Written):
    """Who directly owns an artifact; the artifact is the key it stands under."""

    users: list[StrictStr] = []
    groups: list[StrictStr] = []


class WrittenBook(Written):
    """A whole file of preferences."""

    users: dict[UserName, WrittenUser]
    owners: dict[StrictStr, WrittenOwner] = {}
