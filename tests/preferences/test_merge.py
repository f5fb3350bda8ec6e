"""What an import makes of the preferences a user has: matched by id, then by name."""

from dataclasses import replace
from datetime import UTC, datetime

from fmn.model import Destination, DestinationState, RuleId, UserId
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import a_filter

OLD_MAIL = a_destination("email", address="alice@example.org")
OLD_IRC = a_destination("irc", kind="irc", address="alice")


def a_rule(name: str, *to: Destination, rule_id: str = "r-1") -> Rule:
    return Rule(RuleId(rule_id), "alice", name, (), to, everything=True)


def of_alice(destinations: tuple[Destination, ...], *rules: Rule) -> Preferences:
    return Preferences(UserId("u-1"), "alice", (), destinations, rules)


def as_read(destination: Destination, **changed: str) -> Destination:
    """Return a destination as YAML says it: unconfirmed, and here without its id."""
    facts = {"id": "made-up", "state": DestinationState.UNCONFIRMED} | changed
    return replace(destination, **facts)  # type: ignore[arg-type]


BEFORE = of_alice((OLD_MAIL, OLD_IRC), a_rule("All", OLD_MAIL))


def test_what_did_not_change_keeps_its_ids_and_stays_confirmed() -> None:
    mail, irc = as_read(OLD_MAIL), as_read(OLD_IRC)
    read = replace(of_alice((mail, irc), a_rule("ALL", mail, rule_id="new")), id=UserId("other"))
    after = merge(BEFORE, read)
    assert after.id == BEFORE.id
    assert after.destinations == BEFORE.destinations
    assert [(rule.id, rule.name) for rule in after.rules] == [("r-1", "ALL")]
    assert after.rules[0].destinations == (OLD_MAIL,)


def test_a_changed_address_is_a_new_destination_and_unconfirmed() -> None:
    mail = as_read(OLD_MAIL, address="alice@example.com")
    after = merge(BEFORE, of_alice((mail,), a_rule("All", mail)))
    [destination] = after.destinations
    assert destination.id not in {OLD_MAIL.id, "made-up"}
    assert destination.state is DestinationState.UNCONFIRMED
    assert after.rules[0].destinations == (destination,)


def test_who_vouches_for_new_addresses_confirms_them_and_only_them() -> None:
    paused = replace(OLD_IRC, state=DestinationState.PAUSED)
    mail = as_read(OLD_MAIL, address="alice@example.com")
    after = merge(of_alice((OLD_MAIL, paused)), of_alice((mail, as_read(OLD_IRC))), confirmed=True)
    states = {destination.name: destination.state for destination in after.destinations}
    assert states == {"email": DestinationState.ACTIVE, "irc": DestinationState.PAUSED}


def test_who_vouches_later_confirms_what_was_unconfirmed() -> None:
    waiting = of_alice((replace(OLD_MAIL, state=DestinationState.UNCONFIRMED),))
    read = of_alice((as_read(OLD_MAIL),))
    assert merge(waiting, read).destinations[0].state is DestinationState.UNCONFIRMED
    assert merge(waiting, read, confirmed=True).destinations == (OLD_MAIL,)


def test_an_id_wins_over_a_name() -> None:
    renamed = as_read(OLD_MAIL, id=OLD_MAIL.id, name="irc")
    after = merge(BEFORE, of_alice((renamed,), a_rule("Renamed", renamed, rule_id="r-1")))
    assert [(d.id, d.name, d.state) for d in after.destinations] == [
        (OLD_MAIL.id, "irc", DestinationState.ACTIVE)
    ]
    assert [(rule.id, rule.name) for rule in after.rules] == [("r-1", "Renamed")]


def test_ids_of_others_are_not_taken_over() -> None:
    mail = as_read(OLD_MAIL, id="somebody-elses", name="work", address="a@b.example")
    after = merge(BEFORE, of_alice((mail,), a_rule("New", mail, rule_id="somebody-elses")))
    assert "somebody-elses" not in {after.destinations[0].id, after.rules[0].id}


def test_changes_are_lines_of_yaml_and_none_where_nothing_changes() -> None:
    after = merge(BEFORE, of_alice((as_read(OLD_MAIL),), a_rule("All", as_read(OLD_MAIL))))
    assert changes(BEFORE, BEFORE) == []
    gone = [line for line in changes(BEFORE, after) if line.startswith("-")]
    assert len(gone) == 1
    assert "irc" in gone[0]
    assert all(line.startswith(("+", "@@")) for line in changes(None, BEFORE))


def test_a_destination_that_stays_keeps_its_state_and_why() -> None:
    paused = replace(
        OLD_MAIL,
        state=DestinationState.PAUSED,
        reason="holidays",
        until=datetime(2026, 3, 1, tzinfo=UTC),
    )
    bouncing = replace(OLD_IRC, state=DestinationState.BOUNCING, reason="no such nick")
    before = of_alice((paused, bouncing))
    after = merge(before, of_alice((as_read(OLD_MAIL), as_read(OLD_IRC))))
    assert after.destinations == (paused, bouncing)


def test_a_destination_that_changes_keeps_no_state() -> None:
    paused = replace(OLD_MAIL, state=DestinationState.PAUSED, reason="holidays")
    mail = as_read(OLD_MAIL, id=OLD_MAIL.id, address="alice@example.com")
    [after] = merge(of_alice((paused,)), of_alice((mail,))).destinations
    assert (after.state, after.reason, after.until) == (DestinationState.UNCONFIRMED, "", None)


def test_a_rule_that_an_operator_stopped_stays_so() -> None:
    blocked = replace(a_rule("All", OLD_MAIL), blocked="too much")
    mail = as_read(OLD_MAIL)
    for read in (a_rule("ALL", mail, rule_id="new"), a_rule("Other", mail, rule_id="r-1")):
        after = merge(of_alice((OLD_MAIL,), blocked), of_alice((mail,), read))
        assert after.rules[0].blocked == "too much"


def test_a_default_rule_stays_one_only_where_it_says_the_same() -> None:
    default = replace(a_rule("All", OLD_MAIL), origin="default")
    before = of_alice((OLD_MAIL, OLD_IRC), default)
    mail, irc = as_read(OLD_MAIL), as_read(OLD_IRC)
    origins = [
        merge(before, of_alice((mail, irc), read)).rules[0].origin
        for read in (
            a_rule("All", mail, rule_id="new"),
            replace(a_rule("All", mail), enabled=False),
            a_rule("all", mail),
            a_rule("All", mail, irc),
            replace(a_rule("All", mail), filters=(a_filter("user", users=["me"]),)),
        )
    ]
    assert origins == ["default", "default", "", "", ""]


def test_what_is_taken_by_its_id_is_not_taken_by_its_old_name_too() -> None:
    mail = as_read(OLD_MAIL, id=OLD_MAIL.id, name="work")
    other = as_read(OLD_MAIL, id="made-up-too", address="alice@example.com")
    read = of_alice((mail, other), a_rule("Renamed", mail), a_rule("All", other, rule_id="made-up"))
    after = merge(BEFORE, read)
    assert after.rules[0].id == "r-1"
    assert after.rules[1].id not in {"r-1", "made-up"}
    assert after.destinations[0].id == OLD_MAIL.id
    assert after.destinations[1].state is DestinationState.UNCONFIRMED
    assert after.destinations[1].id not in {OLD_MAIL.id, "made-up-too"}
