"""What holds for a filter of every kind."""

from pathlib import Path

import pytest
from hypothesis import given
from pydantic import ValidationError

from fmn.model import Message, MessageId
from fmn.rules.filter import Filter
from tests.rules.cases import ALICE, KINDS, a_filter, a_message, refused
from tests.rules.strategies import ARGUMENTS, filters, messages


def test_the_kinds_are_those_of_the_contract() -> None:
    contract = "owner artifact user agent group application topic severity text regex field"
    assert sorted(contract.split()) == sorted(KINDS)
    assert sorted(KINDS) == sorted(ARGUMENTS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_help_text_labels_and_a_test(kind: str) -> None:
    assert KINDS[kind].__doc__
    assert all(field.title for field in KINDS[kind].model_fields.values())
    assert (Path(__file__).parent / "filters" / f"test_{kind}.py").exists()


@given(filters())
def test_a_kind_is_named_like_its_file(filter_: Filter) -> None:
    assert KINDS[filter_.kind] is type(filter_)


@given(filters(), messages())
def test_a_filter_is_total_and_asked_twice_says_the_same(filter_: Filter, message: Message) -> None:
    first = filter_.matches(message, ALICE), filter_.deciding(message, ALICE)
    assert first == (filter_.matches(message, ALICE), filter_.deciding(message, ALICE))


@given(filters(), messages())
def test_negation_turns_the_whole_filter_round(filter_: Filter, message: Message) -> None:
    other = filter_.model_validate(filter_.arguments() | {"negate": not filter_.negate})
    assert filter_.holds(message, ALICE) is not other.holds(message, ALICE)
    assert filter_.matches(message, ALICE) is other.matches(message, ALICE)


@given(filters())
def test_what_a_message_lacks_makes_a_filter_false_and_its_negation_true(filter_: Filter) -> None:
    if filter_.kind == "severity":
        return  # a message without a severity is one of severity info
    lacking = Message(id=MessageId("m-1"), topic="")
    assert not filter_.matches(lacking, ALICE)
    assert filter_.negate is filter_.holds(lacking, ALICE)


@given(filters())
def test_a_filter_equals_what_its_arguments_make(filter_: Filter) -> None:
    assert filter_ == type(filter_).model_validate(filter_.arguments())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_argument_nobody_knows_is_refused(kind: str) -> None:
    assert "colour" in refused(kind, colour="red")


@pytest.mark.parametrize("negate", ["yes", 1, None, "true"])
def test_negate_is_true_or_false(negate: object) -> None:
    assert "negate" in refused("topic", patterns=["*"], negate=negate)


LISTS = [
    (kind, name)
    for kind, names in {
        "owner": "users groups",
        "artifact": "types names",
        "user": "users",
        "agent": "users",
        "group": "groups",
        "application": "names",
        "topic": "patterns",
        "text": "words",
    }.items()
    for name in names.split()
]


@pytest.mark.parametrize(("kind", "name"), LISTS)
def test_a_list_has_at_most_a_thousand_values_of_ten_thousand_characters(
    kind: str, name: str
) -> None:
    assert not refused(kind, **{name: ["x" * 10_000] * 1000})
    assert "at most 1000 items" in refused(kind, **{name: ["x"] * 1001})
    assert "at most 10000 characters" in refused(kind, **{name: ["x" * 10_001]})
    assert "unicode" in refused(kind, **{name: ["\ud800"]})


def test_a_filter_cannot_be_changed() -> None:
    filter_ = a_filter("topic", patterns=["*"])
    with pytest.raises(ValidationError):
        filter_.negate = True  # type: ignore[misc]


def test_a_default_that_is_written_is_no_argument() -> None:
    assert a_filter("topic", patterns=["*"], negate=False).arguments() == {"patterns": ("*",)}
    assert a_filter("topic", patterns=["*"], negate=True).holds(a_message(topic=""), ALICE)
