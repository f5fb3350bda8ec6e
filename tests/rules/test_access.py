"""Access keys: every message a filter matches has one of its keys."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmn.model import Message, Ownership, RuleId, Severity
from fmn.rules.access import Key, Pattern, keys_of, sought
from fmn.rules.filter import Filter, Me
from fmn.rules.glob import Globs
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import ALICE, a_filter, a_message
from tests.rules.strategies import filters, messages

NOBODY = Me("alice", frozenset())


def has_one(message: Message, keys: frozenset[Key | Pattern]) -> bool:
    return any(
        key in keys
        or any(
            isinstance(each, Pattern)
            and each.field == key.field
            and Globs([each.glob]).match(key.value)
            for each in keys
        )
        for key in keys_of(message)
    )


@settings(max_examples=150)
@given(st.lists(filters(), min_size=1, max_size=8), st.lists(messages(), min_size=1, max_size=8))
def test_every_message_that_matches_has_one_of_the_keys(
    asked: list[Filter], sent: list[Message]
) -> None:
    for filter_, message in product(asked, sent):
        known = filter_.keys(ALICE)
        if known is not None and filter_.matches(message, ALICE):
            assert has_one(message, known)


def keys(*pairs: tuple[str, str]) -> frozenset[Key]:
    return frozenset(Key(field, value) for field, value in pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (a_filter("user", users=["me", "bob"]), keys(("user", "alice"), ("user", "bob"))),
        (a_filter("agent", users=["mine"]), keys(("agent", "mine"))),
        (
            a_filter("group", groups=["mine", "go-sig"]),
            keys(("group", "go-sig"), ("group", "kernel-sig"), ("group", "python-sig")),
        ),
        (
            a_filter("owner", users=["me"], groups=["go-sig"]),
            keys(("owner", "alice"), ("owning group", "go-sig")),
        ),
        (a_filter("application", names=["Koji", "STRASSE"]),
         keys(("application", "koji"), ("application", "strasse"))),
        (a_filter("topic", patterns=["a.*", "a.b"]),
         {Pattern("topic", "a.*"), Key("topic", "a.b")}),
        (a_filter("severity", at_least="warning"),
         keys(("severity", "warning"), ("severity", "error"))),
        (a_filter("severity", in_=["debug"]), keys(("severity", "debug"))),
        (a_filter("artifact", types=["rpms"], names=["kernel"]),
         keys(("artifact", "rpms/kernel"))),
        (a_filter("artifact", names=["kernel", "ker*"]),
         {Key("name", "kernel"), Pattern("name", "ker*")}),
        (a_filter("artifact", types=["rpms"]), keys(("type", "rpms"))),
        (a_filter("artifact", types=["rpms"], names=["**"]), keys(("type", "rpms"))),
        (a_filter("artifact", types=["rpms"], names=["ker*"]), {Pattern("name", "ker*")}),
    ],
)  # fmt: skip
def test_keys_are_what_the_filter_names(asked: Filter, expected: frozenset[Key | Pattern]) -> None:
    assert expected == asked.keys(ALICE)


def test_of_very_many_pairs_of_type_and_name_the_names_are_the_keys() -> None:
    many = [f"p{number}" for number in range(600)]
    asked = a_filter("artifact", types=["rpms", "modules"], names=many)
    assert frozenset(Key("name", name) for name in many) == asked.keys(ALICE)


@pytest.mark.parametrize("kind", ["user", "agent"])
def test_a_negated_filter_has_the_keys_of_what_it_negates(kind: str) -> None:
    asked = a_filter(kind, users=["bob"], negate=True)
    assert keys((kind, "bob")) == asked.keys(ALICE)


def test_who_is_in_no_group_matches_nothing_by_groups() -> None:
    assert frozenset() == a_filter("group", groups=["mine"]).keys(NOBODY)
    assert frozenset() == a_filter("owner", groups=["mine"]).keys(NOBODY)


@pytest.mark.parametrize(
    "asked",
    [
        a_filter("text", words=["kernel"]),
        a_filter("regex", patterns=["kernel"]),
        a_filter("field", path="a", equals="kernel"),
    ],
)
def test_of_what_is_inside_a_message_no_key_is_known(asked: Filter) -> None:
    assert asked.keys(ALICE) is None


def test_a_message_has_a_key_for_each_of_its_facts() -> None:
    message = a_message(
        topic="org.example.done",
        app="Koji",
        agent="alice",
        users=frozenset({"bob"}),
        groups=frozenset({"python-sig"}),
        artifacts=frozenset({"modules/a/b"}),
        owners=(Ownership("modules/a/b", frozenset({"dana"}), frozenset({"go-sig"})),),
        severity=Severity.ERROR,
    )
    assert keys(
        ("topic", "org.example.done"),
        ("application", "koji"),
        ("agent", "alice"),
        ("user", "bob"),
        ("group", "python-sig"),
        ("artifact", "modules/a/b"),
        ("type", "modules"),
        ("name", "a/b"),
        ("owner", "dana"),
        ("owning group", "go-sig"),
        ("severity", "error"),
    ) == frozenset(keys_of(message))


def test_a_glob_without_a_wild_character_is_a_key() -> None:
    assert [Key("topic", "a.[b]"), Pattern("topic", "a?"), Pattern("topic", "*")] == [
        sought("topic", glob) for glob in ("a.[b]", "a?", "*")
    ]


def test_a_rule_has_a_set_of_keys_for_each_filter_that_asks_and_knows_some() -> None:
    asked = (
        a_filter("user", users=["me"]),
        a_filter("text", words=["kernel"]),
        a_filter("agent", users=["me"], negate=True),
        a_filter("application", names=["koji"]),
    )
    rule = Rule(RuleId("r-1"), "alice", "Mine", asked, (a_destination(),))
    assert [keys(("user", "alice")), keys(("application", "koji"))] == rule.covers(ALICE)
