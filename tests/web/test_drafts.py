"""Rules in a form: what stands in the form of a rule makes the same rule again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from starlette.datastructures import FormData

from fmn.errors import FieldError
from fmn.model import Message, RuleId, UserId
from fmn.preferences.codec import read_rule
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.me import Me
from fmn.rules.rule import Rule
from fmn.web.editor.controls import Shape, question, questions
from fmn.web.editor.drafts import Draft, draft_of, read_draft
from fmn.web.editor.json_text import read_json, write_json
from fmn.web.editor.refused import refused
from fmn.web.forms import Form
from tests.factories import a_destination
from tests.rules.cases import KINDS, a_filter
from tests.rules.strategies import JSON, filters

ALICE = Preferences(UserId("u-1"), "alice", (), (a_destination(), a_destination("irc")))


def a_rule(*asked: Filter, **changes: Any) -> Rule:
    rule = Rule(RuleId("r-1"), "alice", "My rule", asked, ALICE.destinations)
    return replace(rule, **({"everything": rule.is_everything} | changes))


def fields_of(draft: Draft) -> list[tuple[str, str]]:
    """Return what a browser posts of a page that shows this draft."""
    fields = [("id", draft.id), ("etag", draft.etag), ("name", draft.name)]
    fields += [("enabled", "yes")] * draft.enabled + [("everything", "yes")] * draft.everything
    fields += [("destinations", name) for name in draft.destinations]
    for place, each in enumerate(draft.filters):
        at = f"filters.{place}."
        fields += [(at + "kind", each.question.kind), (at + "way", each.way)]
        fields += [(at + "negate", "yes")] * each.negate
        for control in each.question.controls:
            fields += [(at + control.argument, text) for text in each.texts(control)]
    return fields


def posted(*fields: tuple[str, str]) -> Draft:
    return read_draft(Form(FormData(list(fields))), KINDS)


def read(draft: Draft) -> Rule:
    return read_rule(draft.written(), preferences=ALICE, filters=KINDS)


def field_refused(draft: Draft) -> tuple[str, str]:
    """Return id and words of what is refused in this draft."""
    with pytest.raises(FieldError) as caught:
        read(draft)
    wrong = refused(caught.value, draft)
    return wrong.id, wrong.expected


def filter_fields(kind: str, **typed: str | Sequence[str]) -> list[tuple[str, str]]:
    """Return the fields of one filter, the first of the form."""
    fields = [("filters.0.kind", kind)]
    for name, texts in typed.items():
        some = [texts] if isinstance(texts, str) else texts
        fields += [(f"filters.0.{name.rstrip('_')}", text) for text in some]
    return fields


def filter_typed(kind: str, **typed: str | Sequence[str]) -> Filter:
    """Return the filter that these fields make."""
    fields = filter_fields(kind, **typed)
    draft = posted(("name", "x"), ("destinations", "email"), ("everything", "yes"), *fields)
    return read(draft).filters[0]


@given(filters(), filters())
def test_what_stands_in_the_form_of_a_rule_makes_it_again(one: Filter, other: Filter) -> None:
    rule = a_rule(one, other)
    draft = draft_of(rule, KINDS)
    if draft.keeps(rule):
        assert read(posted(*fields_of(draft))) == replace(rule, everything=rule.is_everything)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_that_is_shown_whole_says_so(kind: str) -> None:
    arguments: Mapping[str, dict[str, Any]] = {
        "severity": {"in_": ["debug", "error"]},
        "field": {"path": "a[].b", "in_": [1, Decimal("1.50"), "1", True, None, "koji", [1], {}]},
        "regex": {"patterns": [" a +b ", "(?i)c"]},
        "artifact": {"types": ["rpms"], "names": ["kernel", "python3-*"]},
        "owner": {"users": ["me"], "groups": ["mine"]},
        "application": {"names": ["koji"]},
        "topic": {"patterns": ["*.bodhi.*"]},
        "text": {"words": [" fix "]},
        "group": {"groups": ["mine", "kernel-sig"]},
        "agent": {"users": ["me"]},
        "user": {"users": ["me", "bob"]},
    }
    rule = a_rule(a_filter(kind, **arguments[kind], negate=True))
    draft = draft_of(rule, KINDS)
    assert draft.keeps(rule)
    assert read(posted(*fields_of(draft))) == rule


@pytest.mark.parametrize("words", [["", "a"], ["one\nother"], ["a", " "]])
def test_what_a_form_cannot_hold_is_known_before_it_is_lost(words: list[str]) -> None:
    rule = a_rule(a_filter("text", words=words))
    assert not draft_of(rule, KINDS).keeps(rule)


@given(JSON)
def test_a_value_of_json_is_typed_so_that_it_is_read_again(value: object) -> None:
    # As JSON compares: 1 is 1.0, but neither "1" nor true.
    back = read_json(write_json(value))
    assert a_filter("field", path="a", equals=value) == a_filter("field", path="a", equals=back)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7", 7),
        ("1.50", Decimal("1.50")),
        ("true", True),
        ("null", None),
        ('"7"', "7"),
        ('"true"', "true"),
        ("koji", "koji"),
        (" koji ", "koji"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("True", "True"),
        ("[1, 2]", [1, 2]),
        ('"', '"'),
    ],
)
def test_what_is_json_is_that_and_all_else_is_text(typed: str, value: object) -> None:
    assert (type(value), value) == (type(read_json(typed)), read_json(typed))


def test_only_the_chosen_way_counts() -> None:
    typed = {"at_least": "error", "in": ["debug", "info"]}
    assert a_filter("severity", at_least="error") == filter_typed(
        "severity", way="at_least", **typed
    )
    assert a_filter("severity", in_=["debug", "info"]) == filter_typed(
        "severity", way="in", **typed
    )


def test_a_field_that_only_exists_needs_no_value() -> None:
    made = filter_typed("field", path="a.b", way="exists", exists="true", equals="7")
    assert a_filter("field", path="a.b", exists=True) == made


def test_empty_fields_and_spaces_around_names_are_nothing() -> None:
    made = filter_typed("application", names=["", " koji ", "  "])
    assert a_filter("application", names=["koji"]) == made


def test_spaces_in_words_and_patterns_count() -> None:
    assert a_filter("text", words=[" fix "]) == filter_typed("text", words=" fix ")


def test_one_of_two_lists_may_stay_empty() -> None:
    assert a_filter("owner", groups=["mine"]) == filter_typed("owner", users="", groups="mine")


@pytest.mark.parametrize(
    ("fields", "id_"),
    [
        ([("name", "")], "name"),
        ([("name", "x"), ("destinations", "")], "destinations"),
        ([("name", "x"), ("everything", "")], "everything"),
        ([*filter_fields("application", names="")], "filters-0-names-0"),
        ([*filter_fields("regex", patterns=["a", "(", "b"])], "filters-0-patterns-1"),
        ([*filter_fields("artifact", names="")], "filters-0"),
        ([*filter_fields("severity", way="in")], "filters-0"),
        ([*filter_fields("severity", way="in", in_="loud")], "filters-0-in-0"),
        ([*filter_fields("field", path="", way="equals", equals="1")], "filters-0-path-0"),
        ([*filter_fields("field", path="a", way="at_least", at_least="x")], "filters-0-at_least-0"),
        ([*filter_fields("nonsense")], "filters-0"),
    ],
)
def test_what_is_refused_is_named_by_its_field(fields: list[tuple[str, str]], id_: str) -> None:
    valid = {"name": "x", "destinations": "email"}
    rest = {name: text for name, text in valid.items() if name not in dict(fields)}
    assert id_ == field_refused(posted(*rest.items(), *fields))[0]


def test_many_filters_stand_in_their_order() -> None:
    fields = [(f"filters.{place}.kind", "application") for place in (10, 2, 0)]
    named = [(f"filters.{place}.names", f"app-{place}") for place in (10, 2, 0)]
    written = posted(*fields, *named).written()
    assert [each["names"] for each in written["filters"]] == [["app-0"], ["app-2"], ["app-10"]]


def test_filters_come_and_go_and_what_is_typed_stays() -> None:
    draft = posted(("name", "x"), *filter_fields("application", names="koji"))
    grown = draft.with_filter(question("topic", KINDS["topic"]))
    assert [each.question.kind for each in grown.filters] == ["application", "topic"]
    assert draft == grown.without_filter(1)
    assert grown.with_room(0, "names").filters[0].typed["names"] == ("koji", "")


def test_everything_is_only_said_where_it_must_be() -> None:
    typed = (("name", "x"), ("everything", "yes"))
    assert posted(*typed).written()["everything"]
    assert "everything" not in posted(*typed, *filter_fields("text", words="a")).written()


def test_a_kind_from_elsewhere_has_a_form_of_its_own_fields() -> None:
    # What is asked is derived from the class, so these are facts of the classes themselves.
    asked = question("artifact", KINDS["artifact"])
    assert [(each.argument, each.suggests) for each in asked.controls] == [
        ("types", "type"),
        ("names", "name"),
    ]
    assert not asked.ways
    assert [each.argument for each in question("severity", KINDS["severity"]).ways] == [
        "at_least",
        "in",
    ]
    field = question("field", KINDS["field"])
    assert [each.argument for each in field.required] == ["path"]
    assert next(each.shape for each in field.ways if each.argument == "in") == Shape.VALUES


class Weekend(Filter):
    """The message came on a `Saturday` or Sunday. In the time zone of the server."""

    def matches(self, message: Message, me: Me) -> bool:
        return False

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return ()

    def clause(self) -> tuple[str, str]:
        return "comes at the weekend", "does not come at the weekend"


def test_a_kind_from_elsewhere_is_offered_by_its_first_sentence_after_the_commonest() -> None:
    asked = questions({"at_weekends": Weekend} | KINDS)
    assert next(iter(asked)) == "application"
    assert list(asked)[-1] == "at_weekends"
    assert asked["at_weekends"].title == "The message came on a `Saturday` or Sunday"
    assert all(not each.title.startswith(("One", "The")) for each in list(asked.values())[:-1])
