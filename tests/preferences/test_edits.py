"""Changes to one user's preferences, each a pure function."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from fmn.errors import FieldError, PreferencesError
from fmn.model import Destination, DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.edits import (
    Changed,
    NotThere,
    add_destination,
    add_rule,
    block_rule,
    delete_destination,
    delete_rule,
    destination_of,
    etag_of,
    replace_rule,
    restore_rule,
    rule_of,
    switch_rule,
)
from fmn.preferences.states import confirm, pause, resume
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import a_filter
from tests.rules.strategies import preferences

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMAIL = a_destination("email")
IRC = a_destination("irc", kind="irc", address="alice")
GONE = DestinationId("d-gone")
MINE = a_filter("owner", users=["me"])


def a_rule(name: str = "Mine", *to: Destination, **changes: Any) -> Rule:
    facts: dict[str, Any] = {"id": RuleId(f"r-{name.lower()}"), "filters": (MINE,)} | changes
    return Rule(user="alice", name=name, destinations=to or (EMAIL,), **facts)


def of_alice(*rules: Rule, to: tuple[Destination, ...] = (EMAIL, IRC)) -> Preferences:
    return Preferences(UserId("u-1"), "alice", (), to, rules)


def names(preferences: Preferences) -> list[str]:
    return [rule.name for rule in preferences.rules]


def only(preferences: Preferences) -> Rule:
    [rule] = preferences.rules
    return rule


def states(preferences: Preferences) -> dict[str, str]:
    return {each.name: each.state.value for each in preferences.destinations}


# Finding.


def test_rules_and_destinations_are_found_by_id() -> None:
    alice = of_alice(a_rule("One"), a_rule("Two"))
    assert alice.rules[1] == rule_of(alice, RuleId("r-two"))
    assert destination_of(alice, IRC.id) == IRC


def test_what_is_gone_is_named() -> None:
    gone = RuleId("r-gone")
    with pytest.raises(NotThere, match=r"^There is no such thing, or not any more: rule r-gone$"):
        rule_of(of_alice(), gone)
    with pytest.raises(NotThere, match="destination d-gone"):
        destination_of(of_alice(), GONE)
    changes: list[Callable[[], object]] = [
        lambda: replace_rule(of_alice(), a_rule()),
        lambda: delete_rule(of_alice(), gone),
        lambda: switch_rule(of_alice(), gone, enabled=True),
        lambda: block_rule(of_alice(), gone, "why"),
        lambda: delete_destination(of_alice(), GONE),
        lambda: confirm(of_alice(), GONE),
        lambda: pause(of_alice(), [GONE], until=None),
        lambda: resume(of_alice(), [GONE]),
    ]
    for change in changes:
        with pytest.raises(NotThere):
            change()


# The mark of a rule.


def test_a_mark_is_sixteen_hex_digits_and_the_same_for_the_same() -> None:
    mark = etag_of(a_rule())
    assert len(mark) == 16
    assert set(mark) <= set("0123456789abcdef")
    assert mark == etag_of(a_rule(origin="default"))
    paused = replace(EMAIL, state=DestinationState.PAUSED)
    assert mark == etag_of(a_rule("Mine", paused))


@pytest.mark.parametrize(
    "other",
    [
        a_rule("mine", id=RuleId("r-mine")),
        a_rule("Mine", IRC),
        a_rule("Mine", EMAIL, IRC),
        a_rule(filters=()),
        a_rule(filters=(MINE, MINE)),
        a_rule(filters=(a_filter("owner", users=["me"], negate=True),)),
        a_rule(enabled=False),
        a_rule(everything=True),
        a_rule(blocked="why"),
    ],
)
def test_a_mark_differs_where_anything_differs(other: Rule) -> None:
    assert etag_of(other) != etag_of(a_rule())


@given(preferences())
def test_every_rule_has_a_mark(alice: Preferences) -> None:
    assert len({etag_of(rule) for rule in alice.rules}) == len(alice.rules)


# Rules.


def test_a_rule_is_added_at_the_end() -> None:
    assert names(add_rule(of_alice(a_rule("One")), a_rule("Two"))) == ["One", "Two"]


def test_the_name_of_a_rule_is_no_others_whatever_its_case() -> None:
    alice = of_alice(a_rule("Straße"), a_rule("Two"))
    with pytest.raises(FieldError, match="another rule of the user has this name") as refused:
        add_rule(alice, a_rule("STRASSE", id=RuleId("r-new")))
    assert refused.value.path == ("name",)
    with pytest.raises(FieldError, match="another rule of the user has this name"):
        replace_rule(alice, a_rule("STRASSE", id=RuleId("r-two")))
    assert names(replace_rule(alice, a_rule("STRASSE", id=RuleId("r-straße")))) == [
        "STRASSE",
        "Two",
    ]


def test_a_rule_with_the_id_of_another_is_not_added() -> None:
    with pytest.raises(FieldError, match="id: another rule has this id"):
        add_rule(of_alice(a_rule("One")), a_rule("Two", id=RuleId("r-one")))


def test_a_user_has_at_most_a_thousand_rules() -> None:
    alice = of_alice(*(a_rule(f"Rule {number}") for number in range(999)))
    full = add_rule(alice, a_rule("The last one"))
    with pytest.raises(FieldError, match="there are 1,000 already: delete one first"):
        add_rule(full, a_rule("One too many"))


def test_a_rule_is_replaced_in_its_place() -> None:
    alice = of_alice(a_rule("One"), a_rule("Two"), a_rule("Three"))
    after = replace_rule(alice, a_rule("Second", IRC, id=RuleId("r-two")))
    assert names(after) == ["One", "Second", "Three"]
    assert after.rules[1].destinations == (IRC,)


def test_a_rule_that_was_changed_in_between_is_left_alone() -> None:
    alice = of_alice(a_rule())
    mark = etag_of(only(alice))
    changed = replace_rule(alice, a_rule(enabled=False), etag=mark)
    changes: list[Callable[[], object]] = [
        lambda: replace_rule(changed, a_rule("Other", id=RuleId("r-mine")), etag=mark),
        lambda: delete_rule(changed, RuleId("r-mine"), etag=mark),
        lambda: delete_rule(changed, RuleId("r-mine"), etag=""),
    ]
    for change in changes:
        with pytest.raises(Changed, match=r"^Somebody changed it in between: look at it again: "):
            change()
    assert delete_rule(changed, RuleId("r-mine"), etag=etag_of(only(changed))).rules == ()


def test_what_an_operator_stopped_stays_so_however_it_is_replaced() -> None:
    blocked = block_rule(of_alice(a_rule()), RuleId("r-mine"), "too much")
    assert only(blocked).blocked == "too much"
    assert only(replace_rule(blocked, a_rule())).blocked == "too much"
    assert only(replace_rule(of_alice(a_rule()), a_rule(blocked="so I say"))).blocked == ""
    assert only(block_rule(blocked, RuleId("r-mine"), "")).blocked == ""


@pytest.mark.parametrize(
    ("changes", "origin"),
    [
        ({}, "default"),
        ({"enabled": False}, "default"),
        ({"everything": True}, ""),
        ({"name": "Other"}, ""),
        ({"filters": ()}, ""),
        ({"destinations": (IRC,)}, ""),
    ],
)
def test_a_default_rule_that_says_something_else_is_the_users_own(
    changes: dict[str, Any], origin: str
) -> None:
    alice = of_alice(a_rule(origin="default"))
    assert origin == only(replace_rule(alice, replace(a_rule(), **changes))).origin


def test_nobody_makes_a_rule_a_default_one_by_saying_so() -> None:
    assert only(replace_rule(of_alice(a_rule()), a_rule(origin="default"))).origin == ""


def test_turning_a_rule_off_and_on_leaves_all_else() -> None:
    alice = of_alice(a_rule(origin="default", blocked="why"))
    off = switch_rule(alice, RuleId("r-mine"), enabled=False)
    assert off == replace(alice, rules=(replace(only(alice), enabled=False),))
    assert switch_rule(off, RuleId("r-mine"), enabled=True) == alice


def test_a_deleted_rule_is_gone_and_no_other() -> None:
    alice = of_alice(a_rule("One"), a_rule("Two"))
    assert names(delete_rule(alice, RuleId("r-one"))) == ["Two"]


def test_a_deleted_rule_comes_back_at_the_end() -> None:
    alice = delete_rule(of_alice(a_rule("One"), a_rule("Two")), RuleId("r-one"))
    assert names(restore_rule(alice, a_rule("One"))) == ["Two", "One"]


def test_a_deleted_rule_tells_those_of_its_destinations_that_are_left() -> None:
    paused = replace(IRC, state=DestinationState.PAUSED)
    after = restore_rule(of_alice(to=(paused,)), a_rule("One", EMAIL, IRC))
    assert only(after).destinations == (paused,)


def test_a_deleted_rule_that_tells_nobody_any_more_stays_so() -> None:
    for gone in (a_rule("One", EMAIL), replace(a_rule("One"), destinations=())):
        with pytest.raises(FieldError, match="tells no destination any more") as refused:
            restore_rule(of_alice(to=(IRC,)), gone)
        assert refused.value.path == ("destinations",)


def test_a_deleted_rule_does_not_come_back_beside_one_of_its_name() -> None:
    with pytest.raises(FieldError, match="another rule of the user has this name"):
        restore_rule(of_alice(a_rule("One", id=RuleId("r-new"))), a_rule("One"))


# Destinations.


def test_a_destination_is_added_at_the_end() -> None:
    assert add_destination(of_alice(to=(EMAIL,)), IRC).destinations == (EMAIL, IRC)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": EMAIL.id}, ("id",)),
        ({"name": "email"}, ("name",)),
        ({"address": EMAIL.address}, ("address",)),
    ],
)
def test_a_destination_is_no_other_ones(changes: dict[str, Any], path: tuple[str]) -> None:
    new = replace(a_destination("work", address="work@example.org"), **changes)
    with pytest.raises(FieldError) as refused:
        add_destination(of_alice(), new)
    assert path == refused.value.path


def test_two_destinations_of_two_kinds_may_have_one_address() -> None:
    same = replace(IRC, address=EMAIL.address)
    assert len(add_destination(of_alice(to=(EMAIL,)), same).destinations) == 2


def test_a_user_has_at_most_a_hundred_destinations() -> None:
    many = (a_destination(f"d{number}", address=f"{number}@example.org") for number in range(99))
    full = add_destination(of_alice(to=tuple(many)), EMAIL)
    with pytest.raises(FieldError, match="there are 100 already: delete one first"):
        add_destination(full, IRC)


def test_a_deleted_destination_leaves_the_rules_that_tell_others_too() -> None:
    after = delete_destination(of_alice(a_rule("Both", EMAIL, IRC)), EMAIL.id)
    assert after.destinations == (IRC,)
    assert only(after).destinations == (IRC,)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_only_destination_of_a_rule_is_not_deleted(enabled: bool) -> None:
    alice = of_alice(a_rule("Mine", EMAIL, enabled=enabled))
    with pytest.raises(PreferencesError, match="destination email: the rule 'Mine' tells only"):
        delete_destination(alice, EMAIL.id)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("unconfirmed", "active"),
        ("bouncing", "active"),
        ("active", "active"),
        ("paused", "paused"),
        ("gone", "gone"),
    ],
)
def test_what_waits_for_a_confirmation_becomes_active(state: str, after: str) -> None:
    was = replace(EMAIL, state=DestinationState(state), reason="said so")
    alice = confirm(of_alice(a_rule("Mine", was), to=(was, IRC)), EMAIL.id)
    assert states(alice) == {"email": after, "irc": "active"}
    assert (alice.destinations[0].reason == "") is (state in {"unconfirmed", "bouncing"})
    assert only(alice).destinations == alice.destinations[:1]


STATES = tuple(
    a_destination(state.value, state=state, address=f"{state}@example.org")
    for state in DestinationState
)


def test_only_what_is_active_is_paused() -> None:
    after = pause(of_alice(to=STATES), None, until=NOON, reason="holidays")
    assert states(after) == {each.name: each.name for each in STATES} | {"active": "paused"}
    [paused] = [each for each in after.destinations if each.name == "active"]
    assert (paused.until, paused.reason) == (NOON, "holidays")


def test_chosen_ones_are_paused_anew() -> None:
    after = pause(of_alice(a_rule("Mine", EMAIL, IRC)), [EMAIL.id], until=NOON)
    assert states(after) == {"email": "paused", "irc": "active"}
    later = pause(after, [EMAIL.id], until=NOON + timedelta(days=1), reason="ill")
    assert later.destinations[0].until == NOON + timedelta(days=1)
    assert later.destinations[0].reason == "ill"
    assert only(later).destinations == later.destinations


@pytest.mark.parametrize(
    ("was", "now", "until"),
    [
        (NOON + timedelta(hours=1), NOON, NOON + timedelta(days=1)),
        (NOON + timedelta(days=9), NOON, NOON + timedelta(days=1)),
        (NOON + timedelta(hours=1), NOON, None),
        (None, NOON, None),
    ],
)
def test_pausing_everything_leaves_a_pause_of_ones_own_as_it_is(
    was: datetime | None, now: datetime, until: datetime | None
) -> None:
    alice = pause(of_alice(), [EMAIL.id], until=was, reason="ill")
    after = pause(alice, None, until=until, reason="holidays", now=now)
    assert after.destinations[0] == alice.destinations[0]
    assert after.destinations[1].reason == "holidays"
    assert resume(after, None, reason="holidays") == alice


def test_pausing_everything_begins_anew_what_is_over() -> None:
    alice = pause(of_alice(), [EMAIL.id], until=NOON, reason="ill")
    after = pause(alice, None, until=None, reason="holidays", now=NOON + timedelta(seconds=1))
    assert {(each.until, each.reason) for each in after.destinations} == {(None, "holidays")}


def test_pausing_everything_again_for_the_same_reason_says_until_when() -> None:
    later = NOON + timedelta(days=1)
    alice = pause(of_alice(), None, until=later, reason="holidays", now=NOON)
    for until in (NOON + timedelta(hours=1), NOON + timedelta(days=9), None):
        after = pause(alice, None, until=until, reason="holidays", now=NOON)
        assert {each.until for each in after.destinations} == {until}


def test_a_pause_ends_for_all_or_for_chosen_ones() -> None:
    paused = pause(of_alice(a_rule("Mine", EMAIL, IRC)), None, until=NOON, reason="holidays")
    assert resume(paused, None) == of_alice(a_rule("Mine", EMAIL, IRC))
    assert states(resume(paused, [IRC.id])) == {"email": "paused", "irc": "active"}
    assert states(resume(of_alice(to=STATES), None)) == {
        each.name: each.name for each in STATES
    } | {"paused": "active"}


def test_only_pauses_of_a_reason_end() -> None:
    alice = pause(of_alice(), [EMAIL.id], until=None, reason="ill")
    alice = pause(alice, None, until=NOON, reason="holidays")
    after = resume(alice, None, reason="holidays")
    assert states(after) == {"email": "paused", "irc": "active"}
    assert states(resume(alice, [EMAIL.id], reason="holidays"))["email"] == "paused"
