"""Access keys: a message has one of a filter's keys if the filter matches it, and only then."""

from itertools import product
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fmn.model import Message, Ownership, RuleId, Severity
from fmn.rules.access import Cover, Key, Own, Sought, keys_of
from fmn.rules.filter import Filter
from fmn.rules.json_value import identity
from fmn.rules.me import Me
from fmn.rules.rule import Rule
from fmn.rules.sought import Begins, Equal, Exists, Expression, Limit, Pattern, Word, sought
from tests.factories import a_destination
from tests.rules.cases import ALICE, a_filter, a_message
from tests.rules.strategies import filters, messages

BOB = Me("bob", frozenset({"kernel-sig", "bob"}))
NOBODY = Me("alice", frozenset())
EVERYBODY = (
    *(ALICE, BOB, NOBODY),
    Me("me", frozenset({"mine", "me"})),
    Me("mine", frozenset({"alice"})),
)


def has_one(message: Message, keys: frozenset[Key | Sought]) -> bool:
    there = set(keys_of(message))
    return any(key in there if isinstance(key, Key) else key.fits(message) for key in keys)


@settings(max_examples=150)
@given(
    st.lists(filters(), min_size=1, max_size=8),
    st.lists(messages(), min_size=1, max_size=8),
    st.sampled_from(EVERYBODY),
)
def test_a_filter_matches_the_messages_that_have_one_of_its_keys_and_no_others(
    asked: list[Filter], sent: list[Message], me: Me
) -> None:
    for filter_, message in product(asked, sent):
        cover = filter_.keys()
        assert cover is not None  # every kind of ours knows
        has, matches = has_one(message, cover.resolved(me)), filter_.matches(message, me)
        event(f"{filter_.kind}: {matches}")
        assert has is matches if cover.exact else has or not matches


@settings(max_examples=150)
@given(filters(), st.lists(messages(), min_size=1, max_size=8))
def test_what_is_not_personal_is_the_same_for_everybody(
    filter_: Filter, sent: list[Message]
) -> None:
    cover = filter_.keys()
    assert cover is not None
    assert cover.is_personal is any(isinstance(key, Own) for key in cover.keys)
    if not cover.is_personal:
        assert len({cover.resolved(me) for me in EVERYBODY}) == 1
        for message in sent:
            assert len({filter_.matches(message, me) for me in EVERYBODY}) == 1


@given(filters())
def test_equal_filters_have_equal_keys_negated_or_not(filter_: Filter) -> None:
    again = filter_.model_validate(filter_.arguments() | {"negate": not filter_.negate})
    assert again.keys() == filter_.keys()
    assert hash(again.keys()) == hash(filter_.keys())


def keys(*pairs: tuple[str, str]) -> frozenset[Key]:
    return frozenset(Key(field, value) for field, value in pairs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (a_filter("user", users=["me", "bob"]), {Own("user"), Key("user", "bob")}),
        (a_filter("agent", users=["mine"]), keys(("agent", "mine"))),
        (
            a_filter("group", groups=["mine", "go-sig"]),
            {Own("group"), Key("group", "go-sig")},
        ),
        (
            a_filter("owner", users=["me"], groups=["go-sig"]),
            {Own("owner"), Key("owning group", "go-sig")},
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
        (a_filter("artifact", types=["rpms"], names=["ker*"]),
         {Pattern("artifact", "rpms/ker*")}),
        (a_filter("text", words=["Kernel", "STRASSE", "straße"]),
         {Word("kernel"), Word("strasse")}),
        (a_filter("regex", patterns=["a+", "b"]), {Expression("a+"), Expression("b")}),
        (a_filter("field", path="a", equals=1), {Equal("a", identity(1))}),
        (a_filter("field", path="a", in_=[1, 1.0, True, "1"]),
         {Equal("a", identity(1)), Equal("a", identity(value=True)), Equal("a", identity("1"))}),
        (a_filter("field", path="a", prefix="x"), {Begins("a", "x")}),
        (a_filter("field", path="a", at_least=1), {Limit("a", 1, is_least=True)}),
        (a_filter("field", path="a", at_most=1), {Limit("a", 1, is_least=False)}),
        (a_filter("field", path="a", exists=True), {Exists("a")}),
    ],
)  # fmt: skip
def test_keys_are_what_the_filter_names(asked: Filter, expected: frozenset[Any]) -> None:
    cover = asked.keys()
    assert cover == Cover(frozenset(expected))
    assert str(next(iter(expected)))


def test_me_and_mine_are_the_rules_user_and_each_of_their_groups() -> None:
    cover = Cover(frozenset({Own("owner"), Own("owning group"), Key("owner", "bob")}))
    assert cover.is_personal
    assert cover.resolved(ALICE) == keys(
        ("owner", "bob"),
        ("owner", "alice"),
        ("owning group", "kernel-sig"),
        ("owning group", "python-sig"),
    )
    assert cover.resolved(NOBODY) == keys(("owner", "bob"), ("owner", "alice"))
    assert [str(Own("owner")), str(Own("owning group"))] == ["owner me", "owning group mine"]


def test_of_very_many_pairs_of_type_and_name_the_names_are_the_keys() -> None:
    many = [f"p{number}" for number in range(600)]
    asked = a_filter("artifact", types=["rpms", "modules"], names=many)
    names = frozenset(Key("name", name) for name in many)
    assert asked.keys() == Cover(names, exact=False)
    few = a_filter("artifact", types=["rpms", "modules"], names=many[:500])
    pairs = product(["rpms", "modules"], many[:500])
    assert few.keys() == Cover(frozenset(Key("artifact", "/".join(pair)) for pair in pairs))


@pytest.mark.parametrize("types", [["rp?s"], ["rpms/"], ["*"], [""]])
def test_a_type_that_would_read_otherwise_beside_a_name_is_not_joined_to_it(
    types: list[str],
) -> None:
    asked = a_filter("artifact", types=types, names=["kernel"])
    message = a_message(artifacts=frozenset({"rpms/kernel", "rpms//kernel", "*/kern"}))
    assert not asked.matches(message, ALICE)
    cover = asked.keys()
    assert cover is not None
    assert not cover.exact or not has_one(message, cover.resolved(ALICE))


@pytest.mark.parametrize("kind", ["user", "agent"])
def test_a_negated_filter_has_the_keys_of_what_it_negates(kind: str) -> None:
    asked = a_filter(kind, users=["bob"], negate=True)
    assert asked.keys() == Cover(keys((kind, "bob")))


def test_who_is_in_no_group_matches_nothing_by_groups() -> None:
    for asked in (a_filter("group", groups=["mine"]), a_filter("owner", groups=["mine"])):
        cover = asked.keys()
        assert cover is not None
        assert cover.resolved(NOBODY) == frozenset()


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


class Unknown(Filter):
    """It does not say by which keys it could be found."""

    def matches(self, message: Message, me: Me) -> bool:
        return True

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return ()

    def clause(self) -> tuple[str, str]:
        return "is", "is not"


def test_a_rule_has_a_set_of_keys_for_each_filter_that_asks_and_knows_some() -> None:
    asked = (
        a_filter("user", users=["me"]),
        a_filter("text", words=["kernel"]),  # messages are not filed by their words
        a_filter("agent", users=["me"], negate=True),
        a_filter("application", names=["koji"]),
        Unknown(),
    )
    rule = Rule(RuleId("r-1"), "alice", "Mine", asked, (a_destination(),))
    assert [keys(("user", "alice")), keys(("application", "koji"))] == rule.covers(ALICE)
