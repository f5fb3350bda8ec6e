"""A rule as one sentence."""

from typing import Any

import pytest
from hypothesis import given

from fmn.model import RuleId
from fmn.preferences.sentence import Clause, clauses, sentence
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import a_filter
from tests.rules.strategies import preferences

EMAIL, IRC = a_destination("email"), a_destination("irc", kind="irc", address="alice")
MINE = a_filter("owner", users=["me"])
BAD = a_filter("severity", at_least="warning")
NAMED = a_filter("user", users=["me"])
NOT_COPR = a_filter("application", names=["copr"], negate=True)
NOT_ME = a_filter("agent", users=["me"], negate=True)


def a_rule(*filters: Filter, **changes: Any) -> Rule:
    facts: dict[str, Any] = {"destinations": (EMAIL, IRC), "everything": True}
    return Rule(RuleId("r-1"), "alice", "Mine", filters, **(facts | changes))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((), "Tell email and irc of every message."),
        ((NAMED,), "When a message mentions you, tell email and irc."),
        (
            (MINE, BAD),
            (
                "When a message is about something you own and is a warning or worse, "
                "tell email and irc."
            ),
        ),
        (
            (NOT_COPR, MINE, BAD),
            (
                "When a message is about something you own and is a warning or worse, "
                "but does not come from copr, tell email and irc."
            ),
        ),
        (
            (MINE, NAMED, BAD, NOT_COPR, NOT_ME),
            (
                "When a message is about something you own, mentions you and is a warning "
                "or worse, but does not come from copr and was not done by you, tell email and irc."
            ),
        ),
        ((NOT_COPR,), "Tell email and irc of every message that does not come from copr."),
        (
            (NOT_COPR, NOT_ME),
            (
                "Tell email and irc of every message that does not come from copr "
                "and was not done by you."
            ),
        ),
    ],
)
def test_a_rule_is_one_sentence(asked: tuple[Filter, ...], expected: str) -> None:
    assert expected == sentence(a_rule(*asked))


def test_whether_it_is_on_is_no_part_of_the_sentence() -> None:
    off = a_rule(NAMED, enabled=False, blocked="too much")
    assert sentence(off) == sentence(a_rule(NAMED))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "nobody"),
        (["email"], "email"),
        (["email", "irc", "phone"], "email, irc and phone"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c and 3 more"),
    ],
)
def test_whom_it_tells_is_named(names: list[str], told: str) -> None:
    rule = a_rule(NAMED, destinations=tuple(map(a_destination, names)))
    assert sentence(rule) == f"When a message mentions you, tell {told}."


def test_there_is_a_clause_for_each_filter_in_its_order() -> None:
    assert clauses(a_rule(NOT_COPR, NAMED)) == (
        Clause("does not come from copr", negated=True),
        Clause("mentions you", negated=False),
    )


@given(preferences())
def test_every_rule_is_a_sentence_of_one_line(alice: Preferences) -> None:
    for rule in alice.rules:
        said = sentence(rule)
        assert said.isprintable()
        assert said.startswith(("When a message ", "Tell "))
        assert said.endswith(".")
