"""Stopping what a mail came from, and undoing that."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fmn.links import Undo
from fmn.model import Destination, DestinationId, RuleId, UserId
from fmn.preferences.edits import NotThere, block_rule, replace_rule, switch_rule
from fmn.preferences.stopping import stop, unstop
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import a_filter

EMAIL = a_destination("email")
IRC = a_destination("irc", kind="irc", address="alice")
GONE = DestinationId("d-gone")
MINE = a_filter("owner", users=["me"])
BOTH, ONLY = RuleId("r-both"), RuleId("r-only")


def a_rule(name: str, *to: Destination, **changes: Any) -> Rule:
    facts: dict[str, Any] = {"id": RuleId(f"r-{name.lower()}"), "filters": (MINE,)} | changes
    return Rule(user="alice", name=name, destinations=to, **facts)


RULES = Preferences(
    UserId("u-1"),
    "alice",
    (),
    (EMAIL, IRC),
    (
        a_rule("Both", EMAIL, IRC),
        a_rule("Only", EMAIL, origin="default"),
        a_rule("Off", EMAIL, enabled=False),
        a_rule("Elsewhere", IRC),
        a_rule("Unasked", EMAIL),
    ),
)
ASKED = [RuleId(f"r-{name}") for name in ("both", "only", "off", "elsewhere", "gone")]


def heard(preferences: Preferences) -> dict[str, list[str]]:
    """Return the names of the rules that are on, and whom each tells."""
    on = (rule for rule in preferences.rules if rule.enabled)
    return {rule.name: [to.name for to in rule.destinations] for rule in on}


def test_stopped_rules_lose_the_destination_or_are_turned_off() -> None:
    after, undo = stop(RULES, EMAIL.id, ASKED)
    assert (undo.destination, undo.rules, undo.off) == (EMAIL.id, (BOTH,), (ONLY,))
    assert after.rules == (
        a_rule("Both", IRC),
        a_rule("Only", EMAIL, origin="default", enabled=False),
        *RULES.rules[2:],
    )


def test_stopping_twice_changes_nothing_more() -> None:
    after, _ = stop(RULES, EMAIL.id, ASKED)
    assert stop(after, EMAIL.id, ASKED) == (after, Undo(EMAIL.id, ()))


def test_for_a_destination_that_is_gone_there_is_nothing_to_stop() -> None:
    assert stop(RULES, GONE, ASKED) == (RULES, Undo(GONE, ()))


def test_what_was_stopped_is_undone() -> None:
    after, undo = stop(RULES, EMAIL.id, ASKED)
    again = unstop(after, undo)
    assert again.rules == (a_rule("Both", IRC, EMAIL), *RULES.rules[1:])
    assert unstop(again, undo) == again


def test_a_destination_that_is_gone_hears_of_nothing_again() -> None:
    with pytest.raises(NotThere, match="destination d-gone"):
        unstop(RULES, Undo(GONE, ()))


def test_what_the_owner_turned_off_since_stays_off() -> None:
    after, undo = stop(RULES, EMAIL.id, [BOTH])
    off = switch_rule(after, BOTH, enabled=False)
    assert "Both" not in heard(unstop(off, undo))


@pytest.mark.parametrize(
    "change",
    [
        lambda now: replace_rule(now, a_rule("Only", EMAIL, enabled=False, everything=True)),
        lambda now: replace_rule(now, a_rule("Only", IRC, enabled=False)),
        lambda now: replace_rule(now, a_rule("Only", EMAIL, IRC, enabled=False)),
        lambda now: block_rule(now, ONLY, "too much"),
    ],
)
def test_what_was_turned_off_and_changed_since_stays_off(
    change: Callable[[Preferences], Preferences],
) -> None:
    after, undo = stop(RULES, EMAIL.id, [ONLY])
    changed = unstop(change(after), undo)
    assert "Only" not in heard(changed)


def test_an_undo_of_before_there_were_marks_turns_nothing_on() -> None:
    after, undo = stop(RULES, EMAIL.id, ASKED)
    assert heard(unstop(after, replace(undo, off=()))) == {
        "Both": ["irc", "email"],
        "Elsewhere": ["irc"],
        "Unasked": ["email"],
    }
