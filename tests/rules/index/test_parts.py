"""A match in parts: all destinations by kind and id, never more than so many at once."""

import pytest
from hypothesis import given, settings

from fmn.model import Destination, DestinationId, RuleId
from fmn.rules.match_set import BLOCK, Chosen, MatchSet
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.cases import a_filter, a_message
from tests.rules.index.scenes import Scene, scenes

KOJI = a_filter("application", names=["koji"])
FROM_KOJI = a_message(app="koji")


def in_parts(match: MatchSet, size: int) -> list[Chosen]:
    parts = list(match.parts(size))
    assert all(len(part) <= size for part in parts)
    assert all(parts) or not match.destinations
    return [chosen for part in parts for chosen in part]


def in_order(match: MatchSet) -> list[Chosen]:
    return sorted(match.destinations, key=lambda each: (each.destination.kind, each.destination.id))


@settings(max_examples=60)
@given(scenes())
def test_parts_of_any_size_are_all_destinations_by_kind_and_id(scene: Scene) -> None:
    rule_set = RuleSet(scene.rules, groups=scene.groups)
    for message in scene.sent:
        match = rule_set.match(message)
        for size in range(1, len(match.destinations) + 2):
            assert in_parts(match, size) == in_order(match)


@pytest.fixture(scope="module")
def crowd() -> RuleSet:
    """More users than are looked at in one block, some with two rules for one destination."""
    rules = []
    for number in range(2 * BLOCK + BLOCK // 2):
        user = f"user-{number * 7919 % 10_000}"
        kinds = ("matrix", "email", "irc")[number % 3 :] if number % 5 else ("email",)
        told = tuple(
            Destination(
                DestinationId(f"{kind[0]}{number * 31 % 997}-{user}"), user, kind, kind, "x"
            )
            for kind in kinds
        )
        rules += [
            Rule(RuleId(f"{user}-1"), user, "One", (KOJI,), told),
            Rule(RuleId(f"{user}-2"), user, "Two", (KOJI,), told[:1]),
            Rule(RuleId(f"{user}-3"), user, "Three", (a_filter("user", users=["x"]),), told),
        ]
    return RuleSet(rules)


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 10 * BLOCK])
def test_parts_of_a_crowd_are_all_its_destinations_by_kind_and_id(
    crowd: RuleSet, size: int
) -> None:
    match = crowd.match(FROM_KOJI)
    assert in_parts(match, size) == in_order(match)


def test_every_part_names_all_the_rules_that_chose_a_destination(crowd: RuleSet) -> None:
    for part in crowd.match(FROM_KOJI).parts(BLOCK):
        for chosen in part:
            assert list(chosen.rules.values()) in (["One", "Two"], ["One"])


def test_a_part_is_made_when_it_is_asked_for(crowd: RuleSet) -> None:
    parts = crowd.match(FROM_KOJI).parts(10)
    assert len(next(parts)) == 10
