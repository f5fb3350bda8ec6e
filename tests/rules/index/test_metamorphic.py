"""What must not change what a rule matches: order, doubles, halves, two negations."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from fmn.model import Message, RuleId
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.cases import Changing
from tests.rules.index.scenes import (
    OURS,
    SENT,
    Scene,
    a_destination,
    filters,
    groups,
    negated,
    scenes,
)

ALICE = "alice"


def a_rule(*asked: Filter, name: str = "Rule") -> Rule:
    told = (a_destination(ALICE, "a"),)
    return Rule(RuleId(f"{ALICE}-{name}"), ALICE, name, asked, told, everything=True)


def names(rule_set: RuleSet, message: Message) -> list[str]:
    return [each.name for each in rule_set.match(message).rules]


def changed(filter_: Filter, random: Random) -> Filter:
    """Return a filter with the values of its lists in another order, some of them twice."""
    arguments = filter_.arguments()
    for name, values in arguments.items():
        if isinstance(values, list | tuple) and len(values) < 100 and name != "equals":
            arguments[name] = random.sample([*values, *values], len(values) * 2)
    return filter_.model_validate(arguments)


@settings(max_examples=100)
@given(scenes(), st.randoms(use_true_random=False))
def test_order_and_doubles_of_filters_and_values_do_not_matter(
    scene: Scene, random: Random
) -> None:
    others = []
    for each in scene.rules:
        twice = [changed(filter_, random) for filter_ in each.filters * 2]
        others.append(replace(each, filters=tuple(random.sample(twice, len(twice)))))
    one, other = (RuleSet(rules, groups=scene.groups) for rules in (scene.rules, others))
    for message in scene.sent:
        assert one.match(message).rules == other.match(message).rules
        assert one.match(message).destinations == other.match(message).destinations


@settings(max_examples=100)
@given(st.lists(filters(), min_size=1, max_size=2), filters(), groups(), SENT)
def test_of_a_filter_and_its_negation_one_holds_and_two_negations_are_none(
    asked: list[Filter], one: Filter, known: Changing, sent: list[Message]
) -> None:
    rules = [
        a_rule(*asked, name="whole"),
        a_rule(*asked, one, name="yes"),
        a_rule(*asked, negated(one), name="no"),
        a_rule(*(negated(negated(each)) for each in asked), name="again"),
    ]
    rule_set = RuleSet(rules, groups=known)
    for message in sent:
        found = set(names(rule_set, message))
        event(f"holds: {bool(found)}")
        assert found in (set(), {"whole", "again", "yes"}, {"whole", "again", "no"})


def halves(filter_: Filter, at: int) -> tuple[Filter, Filter] | None:
    """Return two filters that share the values of one list; None where there is no such list."""
    arguments: dict[str, Any] = filter_.arguments()
    for name, values in arguments.items():
        if isinstance(values, tuple) and len(values) > 1 and filter_.kind != "owner":
            cut = 1 + at % (len(values) - 1)
            first, second = arguments | {name: values[:cut]}, arguments | {name: values[cut:]}
            return filter_.model_validate(first), filter_.model_validate(second)
    return None


@settings(max_examples=100)
@given(
    OURS.filter(lambda each: halves(each, 0) is not None),
    st.lists(filters(), max_size=2),
    st.integers(0, 99),
    groups(),
    SENT,
)
def test_a_rule_split_by_its_values_matches_what_the_whole_does(
    split: Filter, rest: list[Filter], at: int, known: Changing, sent: list[Message]
) -> None:
    two = halves(split, at)
    assert two is not None
    rules = [
        a_rule(*rest, split, name="whole"),
        a_rule(two[0], *rest, name="first"),
        a_rule(two[1], *rest, name="second"),
    ]
    rule_set = RuleSet(rules, groups=known)
    for message in sent:
        found = names(rule_set, message)
        assert ("whole" in found) is ("first" in found or "second" in found)


@settings(max_examples=120)
@given(scenes(frail=True))
def test_match_explain_and_cost_agree(scene: Scene) -> None:
    rule_set = RuleSet(scene.rules, groups=scene.groups)
    for message in scene.sent:
        matching = {each.id for each in rule_set.match(message).rules}
        for each in scene.rules:
            explained, cost = rule_set.explain(each, message), rule_set.cost(each)
            assert explained.matched is (each.id in matching)
            if (explained.why or "").startswith("the rule raised"):
                continue
            assert cost.is_everywhere is (explained.signs is None)
            shown = [sign.key for sign in explained.signs or ()]
            assert sorted(shown) == sorted(cost.keys)
            presence = [sign.present for sign in explained.signs or ()]
            assert presence == sorted(presence, reverse=True)  # present ones come first
            if explained.matched:
                assert explained.signs is None or any(presence)
