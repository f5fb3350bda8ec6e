"""What a worker makes of one message: whom to tell and what, whom not and why."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.emission import Handled, Outcome, State
from fmn.model import Destination, DestinationState, Key, Message, Origin, Ownership, RuleId
from fmn.processes.worker import judge
from fmn.render.content import Templates
from fmn.rules.filters.owner import Owner
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.factories import a_destination, a_message

ORIGIN = Origin("0/1-0")
DIRECTORY = Fixed(
    Snapshot({"rpms/kernel": Ownership("rpms/kernel", frozenset({"alice"}))}, {}, "1")
)


@dataclass(frozen=True)
class Current:
    """Rules that nobody changes."""

    current: RuleSet


def everything(rule_id: str, *to: Destination) -> Rule:
    return Rule(RuleId(rule_id), to[0].user, f"Rule {rule_id}", (), to, everything=True)


def emitted(message: Message, *rules: Rule) -> tuple[list[tuple[Key, ...]], list[Outcome], Handled]:
    """Return the keys to send, what was suppressed, and the line about the message."""
    rule_set = RuleSet(rules, version=7, groups=DIRECTORY)
    emission = judge(Current(rule_set), DIRECTORY, Templates(), message, ORIGIN)
    handled, *outcomes = emission.log
    assert isinstance(handled, Handled)
    assert {chunk.origin for chunk in emission.chunks} <= {ORIGIN}
    told = [recipient.keys for chunk in emission.chunks for recipient in chunk.recipients]
    return told, [line for line in outcomes if isinstance(line, Outcome)], handled


def test_two_rules_one_destination_are_one_notification_that_names_both() -> None:
    mail = a_destination()
    rules = (everything("r-1", mail), everything("r-2", mail))
    emission = judge(
        Current(RuleSet(rules, groups=DIRECTORY)),
        DIRECTORY, Templates(), a_message(), ORIGIN,
    )  # fmt: skip
    [chunk] = emission.chunks
    [recipient] = chunk.recipients
    assert recipient.keys == ("m-1:d-email",)
    assert recipient.rules == {"r-1": "Rule r-1", "r-2": "Rule r-2"}


@pytest.mark.parametrize("state", [s for s in DestinationState if s is not DestinationState.ACTIVE])
def test_who_may_not_be_written_to_is_suppressed_by_name_and_costs_others_nothing(
    state: DestinationState,
) -> None:
    bob = a_destination("bob", user="bob", address="bob@example.org")
    told, suppressed, handled = emitted(
        a_message(), everything("r-1", a_destination(state=state)), everything("r-2", bob)
    )
    assert told == [("m-1:d-bob",)]
    assert [(o.key, o.kind, o.rules, o.state, o.reason) for o in suppressed] == [
        ("m-1:d-email", "email", ("r-1",), State.SUPPRESSED, state.value)
    ]
    assert handled.notifications == 2


def test_owners_come_from_the_directory_and_are_noted_as_they_were() -> None:
    mail = a_destination()
    mine = replace(
        everything("r-1", mail), filters=(Owner(users=frozenset({"me"})),), everything=False
    )
    told, _, handled = emitted(a_message(artifacts=frozenset({"rpms/kernel"})), mine)
    assert told == [("m-1:d-email",)]
    assert [owned.users for owned in handled.message.owners] == [frozenset({"alice"})]
    assert emitted(a_message(artifacts=frozenset({"rpms/other"})), mine)[0] == []


def test_a_message_nobody_asked_for_is_noted_with_the_version_that_judged() -> None:
    told, suppressed, handled = emitted(a_message())
    assert (told, suppressed) == ([], [])
    assert (handled.message.id, handled.version, handled.notifications) == ("m-1", 7, 0)


def test_a_private_message_is_told_only_to_those_it_names() -> None:
    bob = a_destination("bob", user="bob", address="bob@example.org")
    message = a_message(private=True, users=frozenset({"bob"}))
    told, suppressed, _ = emitted(
        message, everything("r-1", a_destination()), everything("r-2", bob)
    )
    assert told == [("m-1:d-bob",)]
    assert suppressed == []


def test_a_pause_ends_by_itself() -> None:
    now = datetime.now(UTC)
    paused = a_destination(state=DestinationState.PAUSED, until=now + timedelta(hours=1))
    over = replace(paused, until=now - timedelta(seconds=1))
    told, outcomes, _ = emitted(a_message(), everything("r-1", paused))
    assert (told, [outcome.reason for outcome in outcomes]) == ([], ["paused"])
    told, outcomes, _ = emitted(a_message(), everything("r-1", over))
    assert (told, outcomes) == ([("m-1:d-email",)], [])
