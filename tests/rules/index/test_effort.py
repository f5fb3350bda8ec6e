"""What a message costs follows what it matches, not how many rules there are.

Counted, not timed, so it is the same on every machine. It judges the index: a loop counts nothing.
"""

from collections.abc import Callable
from typing import Any

import pytest

from fmn.model import Destination, DestinationId, Message, Ownership, RuleId, Severity, UserId
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.match_set import Effort
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.rules.cases import a_filter, a_message
from tests.rules.index.oracle import put

MANY = 5_000
FEW = 8
"""Candidates more than there are matches: a key may bring up what does not match."""

KERNEL = a_message(
    topic="org.example.build.done",
    app="koji",
    agent="bob",
    users=frozenset({"bob", "user-7"}),
    groups=frozenset({"group-3"}),
    artifacts=frozenset({"rpms/kernel"}),
    owners=(Ownership("rpms/kernel", frozenset({"user-7"}), frozenset({"group-3"})),),
    severity=Severity.INFO,
    summary="kernel was built: word-17. word-4000.",
    body=b'{"build": {"number": 3}, "tags": ["tag-17", "tag-4000"]}',
)
KOJI = a_filter("application", names=["koji"])
NAMED = a_filter("artifact", names=["kernel"])
MENTIONED = a_filter("user", users=["bob"])
MINE = a_filter("owner", users=["me"])


def a_rule(number: int, *asked: Filter, user: str = "") -> Rule:
    user = user or f"user-{number}"
    told = Destination(DestinationId(f"d-{user}"), user, "email", "email", "x@example.org")
    return Rule(RuleId(f"r-{number}"), user, f"Rule {number}", asked, (told,), everything=True)


def effort(rules: list[Rule], message: Message = KERNEL, *, matches: int) -> Effort:
    """Return what it cost to find so many matches."""
    match = RuleSet(rules).match(message)
    assert len(match) == matches
    return match.effort


def unrelated(number: int) -> Rule:
    """Return a rule that has nothing to do with the message, of one of nine kinds."""
    asked: list[Filter] = [
        a_filter("artifact", types=["rpms"], names=[f"package-{number}"]),
        a_filter("artifact", names=[f"package-{number}*"]),
        a_filter("agent", users=[f"other-{number}"]),
        a_filter("group", groups=[f"other-{number}"]),
        a_filter("application", names=[f"app-{number}"]),
        a_filter("topic", patterns=[f"*.other-{number}.*"]),
        a_filter("text", words=[f"other-{number}."]),
        a_filter("field", path="build.number", at_least=1000 + number),
        MINE,
    ]
    return a_rule(number, asked[number % len(asked)], user=f"stranger-{number}")


def related(number: int) -> Rule:
    """Return a rule that the message matches, of one of five kinds."""
    asked = [KOJI, NAMED, MENTIONED, a_filter("text", words=["kernel"]), KOJI]
    return a_rule(number, asked[number % len(asked)], a_filter("severity", in_=["info"]))


def test_ten_times_more_rules_about_something_else_cost_nothing() -> None:
    base = [related(number) for number in range(50)]
    few = [*base, *map(unrelated, range(100, 400))]
    many = [*base, *map(unrelated, range(100, 3_100))]
    assert effort(few, matches=50) == effort(many, matches=50)


def test_what_is_found_is_counted() -> None:
    # Only an index counts: with a loop in its place this fails.
    spent = effort([related(number) for number in range(50)], matches=50)
    assert spent.keys > 0
    assert 0 < spent.candidates <= 50
    assert spent.asked == 0


def test_what_nobody_asks_for_costs_nothing() -> None:
    spent = effort(list(map(unrelated, range(1_000))), a_message(topic="x"), matches=0)
    assert (spent.candidates, spent.asked) == (0, 0)


def _named(number: int, name: str) -> str:
    """Return the name for one of all numbers, another for each of the others."""
    return name if number == 9 else f"other-{number}"


DIFFERENT: dict[str, tuple[Callable[[int], Filter], int]] = {
    "word": (lambda n: a_filter("text", words=[f"word-{n}."]), 2),
    "one of three words": (
        lambda n: a_filter("text", words=[f"{x}-{n}." for x in ("word", "x", "y")]),
        2,
    ),
    "regex": (lambda n: a_filter("regex", patterns=[rf"word-{n}\."]), 2),
    "threshold": (lambda n: a_filter("field", path="build.number", at_least=n), 4),
    "upper threshold": (lambda n: a_filter("field", path="build.number", at_most=n - MANY + 6), 3),
    "value": (lambda n: a_filter("field", path="tags[]", equals=f"tag-{n}"), 2),
    "one of three values": (
        lambda n: a_filter("field", path="tags[]", in_=[f"tag-{n}", f"x-{n}", f"y-{n}"]),
        2,
    ),
    "beginning": (lambda n: a_filter("field", path="tags[]", prefix=f"tag-{n:04}"), 1),
    "path": (lambda n: a_filter("field", path=f"build.{_named(n, 'number')}", exists=True), 1),
    "topic glob": (lambda n: a_filter("topic", patterns=[f"*.{_named(n, 'build')}.*"]), 1),
    "person": (lambda n: a_filter("user", users=[f"user-{n}"]), 1),
    "group": (lambda n: a_filter("group", groups=[f"group-{n}"]), 1),
}
"""What tells thousands of rules apart that hang on one key, and how many of them match."""


def different_rules(hung_on: Filter, different: str) -> list[Rule]:
    asked, _ = DIFFERENT[different]
    return [a_rule(number, hung_on, asked(number)) for number in range(MANY)]


@pytest.mark.parametrize("hung_on", [KOJI, NAMED], ids=lambda each: each.kind)
@pytest.mark.parametrize("different", DIFFERENT)
def test_of_thousands_of_rules_on_one_key_few_are_asked_one_by_one(
    hung_on: Filter, different: str
) -> None:
    matches = DIFFERENT[different][1]
    spent = effort(different_rules(hung_on, different), matches=matches)
    assert spent.asked <= matches + FEW


@pytest.mark.parametrize("different", sorted(DIFFERENT.keys() - {"topic glob"}))
def test_of_thousands_of_rules_on_one_application_few_come_up(different: str) -> None:
    # What they differ in is rarer than the application, and so it is what brings them up.
    matches = DIFFERENT[different][1]
    spent = effort(different_rules(KOJI, different), matches=matches)
    assert spent.candidates <= matches + FEW


def test_what_was_replaced_is_not_looked_at_once_all_is_sealed() -> None:
    asked, _ = DIFFERENT["one of three words"]
    rules = [a_rule(number, NAMED, asked(number)) for number in range(1_000)]
    changed = RuleSet([a_rule(number, NAMED, KOJI) for number in range(1_000)])
    assert len(changed.match(KERNEL)) == 1_000
    for rule in rules:
        put(changed, Preferences(UserId(rule.user), rule.user, (), rule.destinations, (rule,)))
    changed.seal()()
    assert changed.match(KERNEL).effort == effort(rules, matches=1)


@pytest.mark.parametrize(
    ("filters", "asked"),
    [
        pytest.param((KOJI,), 0, id="the same key"),
        pytest.param((KOJI, a_filter("severity", in_=["info"])), 1, id="the same rest"),
    ],
)
def test_the_same_rule_of_thousands_is_looked_at_once(
    filters: tuple[Filter, ...], asked: int
) -> None:
    spent = effort([a_rule(number, *filters) for number in range(MANY)], matches=MANY)
    assert spent.candidates <= 1
    assert spent.asked <= asked


def test_the_same_rule_of_thousands_is_looked_at_once_though_it_does_not_match() -> None:
    grave = a_filter("severity", at_least="error")
    spent = effort([a_rule(number, KOJI, grave) for number in range(MANY)], matches=0)
    assert spent.candidates <= 1
    assert spent.asked <= 1


def test_what_a_message_has_many_times_brings_up_a_rule_once() -> None:
    packages = a_message(artifacts=frozenset(f"rpms/package-{n}" for n in range(300)))
    rules = [a_rule(number, a_filter("artifact", types=["rpms"])) for number in range(MANY)]
    assert effort(rules, packages, matches=MANY).candidates == 1


def test_rules_that_alternate_are_as_few_as_there_are_kinds_of_them() -> None:
    kinds = [a_filter("severity", at_least=least) for least in ("info", "error")]
    rules = [a_rule(number, KOJI, kinds[number % 2]) for number in range(MANY)]
    assert effort(rules, matches=MANY // 2).candidates == 2


def test_of_thousands_of_default_rules_those_of_the_owners_are_looked_at() -> None:
    rules = [a_rule(number, MINE, a_filter("severity", in_=["info"])) for number in range(MANY)]
    spent = effort(rules, matches=1)
    assert spent.candidates <= 1 + FEW
    assert spent.asked <= 1 + FEW


def test_what_is_personal_is_asked_once_for_each_user() -> None:
    not_mine = a_filter("owner", users=["me"], negate=True)
    rules: list[Rule] = [a_rule(number, KOJI, not_mine) for number in range(MANY)]
    spent = effort(rules, matches=MANY - 1)
    assert spent.candidates <= 1
    assert spent.asked <= MANY


@pytest.mark.parametrize(
    "facts", [{"private": True}, {"private": True, "agent": None, "users": frozenset()}]
)
def test_a_private_message_costs_no_more_than_one_for_all(facts: dict[str, Any]) -> None:
    rules = [a_rule(number, NAMED, MENTIONED) for number in range(MANY)]
    facts = {"artifacts": KERNEL.artifacts, "users": KERNEL.users} | facts
    spent = effort(rules, a_message(**facts), matches=1 if "user-7" in facts["users"] else 0)
    assert spent.candidates <= 1
    assert spent.asked <= 2
