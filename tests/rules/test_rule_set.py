from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.model import Destination, DestinationId, Message, RuleId, Severity
from fmn.preferences.values import Preferences
from fmn.rules.explanation import Answer
from fmn.rules.filter import Filter
from fmn.rules.match_set import Matched
from fmn.rules.me import Me
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.cases import Changing, a_filter, a_message
from tests.rules.strategies import messages, preferences

DONE = a_filter("topic", patterns=["*.done"])
NEVER = a_filter("topic", patterns=["never"])


class Broken(Filter):
    """It raises."""

    def matches(self, message: Message, me: Me) -> bool:
        raise RecursionError("too deep")

    def deciding(self, message: Message, me: Me) -> tuple[str, ...]:
        return ()

    def clause(self) -> tuple[str, str]:
        return "breaks", "does not break"


def a_destination(name: str, user: str = "alice") -> Destination:
    return Destination(DestinationId(f"{user}-{name}"), user, name, "email", f"{name}@example.org")


EMAIL, IRC, PUSH = (a_destination(name) for name in ("email", "irc", "push"))


def a_rule(name: str, *filters: Filter, **changes: Any) -> Rule:
    facts: dict[str, Any] = {"user": "alice", "destinations": (EMAIL,)} | changes
    return Rule(RuleId(f"{facts['user']}-{name}"), name=name, filters=filters or (DONE,), **facts)


def a_rule_set(*rules: Rule, **changes: Any) -> RuleSet:
    return RuleSet(rules, **changes)


def names(rules: tuple[Matched, ...]) -> list[str]:
    return [rule.name for rule in rules]


def named(*rules: Rule) -> tuple[Matched, ...]:
    return tuple(Matched(rule.user, rule.id, rule.name) for rule in rules)


def matching(rule: Rule, message: Message | None = None) -> bool:
    return a_rule_set(rule).match(message or a_message()).rules == named(rule)


def test_all_filters_of_a_rule_must_hold() -> None:
    assert matching(a_rule("both", DONE, a_filter("severity", in_=["info"])))
    assert not matching(a_rule("one", DONE, NEVER))


def test_one_rule_of_many_is_enough() -> None:
    both = a_rule_set(a_rule("no", NEVER), a_rule("yes", DONE)).match(a_message())
    assert names(both.rules) == ["yes"]
    assert [chosen.destination for chosen in both.destinations] == [EMAIL]


def test_two_rules_one_destination_one_notification_that_names_both() -> None:
    match = a_rule_set(a_rule("b"), a_rule("a")).match(a_message())
    (chosen,) = match.destinations
    assert chosen.destination == EMAIL
    assert list(chosen.rules.items()) == [("alice-b", "b"), ("alice-a", "a")]


def test_users_are_in_the_order_they_came_in_and_destinations_in_the_users_own() -> None:
    bobs = a_destination("email", "bob")
    rules = (
        a_rule("late", user="bob", destinations=(bobs,)),
        a_rule("push", destinations=(PUSH, IRC)),
        a_rule("email", destinations=(EMAIL,)),
    )
    match = a_rule_set(*rules, destinations=(bobs, EMAIL, IRC, PUSH)).match(a_message())
    assert names(match.rules) == ["late", "push", "email"]
    assert [bobs, EMAIL, IRC, PUSH] == [chosen.destination for chosen in match.destinations]
    late, push, email = named(*rules)
    assert [
        ("bob", ([late], [bobs])),
        ("alice", ([push, email], [EMAIL, IRC, PUSH])),
    ] == list(match.by_user().items())


def test_without_an_order_of_destinations_the_first_rule_to_name_one_counts() -> None:
    rules = a_rule("x", NEVER, destinations=(PUSH,)), a_rule("y", destinations=(IRC, PUSH))
    match = a_rule_set(*rules).match(a_message())
    assert [chosen.destination for chosen in match.destinations] == [PUSH, IRC]


def test_a_disabled_rule_never_matches() -> None:
    assert not matching(a_rule("off", enabled=False))
    assert not matching(a_rule("off", enabled=False, everything=True))


def test_a_rule_that_an_operator_stopped_never_matches() -> None:
    assert not matching(a_rule("flood", blocked="it floods the mail server"))
    assert not matching(a_rule("flood", blocked="it floods the mail server", everything=True))


def test_no_filter_or_only_negated_ones_need_to_say_everything() -> None:
    negated = a_filter("topic", patterns=["never"], negate=True)
    for filters in ((), (negated,)):
        rule = replace(a_rule("all"), filters=filters)
        assert not matching(rule)
        assert matching(replace(rule, everything=True))
    assert matching(a_rule("some", DONE, negated))
    assert not matching(a_rule("never", NEVER, everything=True))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        ({"users": frozenset({"bob"}), "agent": "bob"}, False),
        ({"users": frozenset({"alice"})}, True),
        ({"agent": "alice"}, True),
        ({"groups": frozenset({"alice"})}, False),
        ({"artifacts": frozenset({"rpms/alice"})}, False),
    ],
)
def test_of_a_private_message_only_those_named_in_it_hear(
    facts: dict[str, Any], expected: bool
) -> None:
    private = a_message(private=True, **facts)
    assert expected is matching(a_rule("mine"), private)
    assert expected is matching(replace(a_rule("all"), filters=(), everything=True), private)


def test_groups_are_those_of_the_rules_user_now() -> None:
    groups = Changing(alice={"python-sig"}, bob={"kernel-sig"})
    mine = a_filter("group", groups=["mine"])
    rules = (a_rule("a", mine), a_rule("b", mine, user="bob", destinations=()))
    rule_set = a_rule_set(*rules, groups=groups)
    message = a_message(groups=frozenset({"kernel-sig"}))
    assert names(rule_set.match(message).rules) == ["b"]
    groups.change(alice={"python-sig", "kernel-sig"}, bob={"kernel-sig"})
    assert names(rule_set.match(message).rules) == ["a", "b"]


def test_a_rule_that_raises_costs_nobody_else_a_notification() -> None:
    match = a_rule_set(a_rule("broken", Broken()), a_rule("good")).match(a_message())
    assert names(match.rules) == ["good"]
    (raised,) = match.raised
    assert raised.rule.name == "broken"
    assert str(raised.error) == "too deep"


def test_a_rule_set_knows_its_version() -> None:
    assert a_rule_set().version == 0
    assert a_rule_set(version=7).version == 7


def test_an_explanation_tells_each_filter_and_its_deciding_value() -> None:
    calm = a_filter("severity", at_least="error", negate=True)
    rule = a_rule("x", DONE, calm, a_filter("agent", users=["me"]))
    message = a_message(agent="bob", severity=Severity.WARNING)
    explained = a_rule_set(rule).explain(rule, message)
    assert not explained.matched
    assert explained.why is None
    assert (
        Answer("topic", negated=False, holds=True, deciding=("org.example.done",)),
        Answer("severity", negated=True, holds=True, deciding=("warning",)),
        Answer("agent", negated=False, holds=False, deciding=("bob",)),
    ) == explained.filters


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (a_rule("off", enabled=False), "the rule is disabled"),
        (a_rule("flood", blocked="too much"), "an operator stopped the rule: too much"),
        (
            a_rule("off", blocked="too much", enabled=False),
            "the rule is disabled",
        ),
        (a_rule("on"), "the message is private and does not name alice"),
        (a_rule("broken", Broken(), user="bob"), "the rule raised RecursionError('too deep')"),
        (
            replace(a_rule("all", user="bob"), filters=()),
            "no filter asks for something, and the rule does not say `everything: true`",
        ),
    ],
)
def test_an_explanation_names_what_stands_in_the_way(rule: Rule, why: str) -> None:
    private = a_message(private=True, agent="bob")
    explained = a_rule_set(rule).explain(rule, private)
    assert (False, why) == (explained.matched, explained.why)


@given(preferences(), messages(), st.lists(st.sampled_from(["", "too much"]), min_size=3))
def test_match_and_explain_agree(alice: Preferences, message: Message, blocked: list[str]) -> None:
    rules = [replace(rule, blocked=why) for rule, why in zip(alice.rules, blocked, strict=False)]
    rule_set = a_rule_set(*rules)
    match = rule_set.match(message)
    explained = [(rule, rule_set.explain(rule, message)) for rule in rules]
    assert match.raised == ()
    assert match.rules == named(*(rule for rule, why in explained if why.matched))
    for _, why in explained:
        holds = all(answer.holds for answer in why.filters)
        assert why.matched is (holds and why.why is None)


@given(preferences(), messages(), st.randoms())
def test_the_order_of_filters_does_not_matter(
    alice: Preferences, message: Message, random: Any
) -> None:
    shuffled = [replace(rule, filters=_shuffled(rule.filters, random)) for rule in alice.rules]
    expected = names(a_rule_set(*alice.rules).match(message).rules)
    assert expected == names(a_rule_set(*shuffled).match(message).rules)


@given(preferences(), messages())
def test_matching_twice_says_the_same(alice: Preferences, message: Message) -> None:
    rule_set = a_rule_set(*alice.rules)
    first, second = rule_set.match(message), rule_set.match(message)
    assert first.rules == second.rules
    assert first.destinations == second.destinations
    assert first.effort == second.effort


def _shuffled(filters: tuple[Filter, ...], random: Any) -> tuple[Filter, ...]:
    return tuple(random.sample(filters, len(filters)))
