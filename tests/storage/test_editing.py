"""Editing: nobody overwrites another, and what was in force stays known."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.errors import PreferencesError
from fmn.model import DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.edits import NotThere
from fmn.preferences.values import Preferences
from fmn.rules.filters.severity import Severity
from fmn.rules.filters.topic import Topic
from fmn.rules.rule import Rule
from fmn.storage import tables
from fmn.storage.accounts import delete_account
from fmn.storage.editing import Change, deleted_rules, edit, in_force, owner_of
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import newest
from fmn.storage.rows import Kinds
from tests.storage.factories import (
    KINDS,
    NOON,
    a_destination,
    a_rule,
    loaded,
    saved,
    some_preferences,
)

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")
FEWER: Kinds = {"topic": Topic}
"""What an fmn knows that never heard of severities."""


async def edited(
    engine: AsyncEngine, change: Change, *, user: str = "alice", kinds: Kinds = KINDS
) -> tuple[Preferences, int]:
    return await edit(engine, user, kinds, change, by=user)


async def made(engine: AsyncEngine, change: Change) -> tuple[Preferences, int]:
    return await edit(engine, "alice", KINDS, change, by="alice", make=True)


async def last_change(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        return await newest(connection)


async def then(
    engine: AsyncEngine, version: int, *, user: UserId = ALICE, kinds: Kinds = KINDS
) -> Preferences | None:
    async with reading(engine) as connection:
        return await in_force(connection, user, version, kinds)


def without_rules(preferences: Preferences) -> Preferences:
    return replace(preferences, rules=())


def renamed(name: str) -> Change:
    """Return a change of the name of the first rule."""

    def change(preferences: Preferences) -> Preferences:
        first, *rest = preferences.rules
        return replace(preferences, rules=(replace(first, name=name), *rest))

    return change


def adding(name: str) -> Change:
    """Return a change that adds a destination."""

    def change(preferences: Preferences) -> Preferences:
        new = a_destination(name)
        return replace(preferences, destinations=(*preferences.destinations, new))

    return change


async def test_a_change_is_saved_and_returned_with_its_number(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    after, number = await edited(engine, renamed("another"))
    assert [rule.name for rule in after.rules] == ["another"]
    assert await loaded(engine) == after
    assert number == await last_change(engine)


async def test_who_has_no_account_gets_one_where_one_is_to_be_made(engine: AsyncEngine) -> None:
    after, number = await made(engine, adding("irc"))
    assert (after.user, number) == ("alice", 1)
    assert await loaded(engine) == after
    again, _ = await made(engine, adding("mail"))
    assert again.id == after.id


async def test_who_has_no_account_gets_none_by_an_edit(engine: AsyncEngine) -> None:
    with pytest.raises(NotThere, match="user alice"):
        await edited(engine, adding("irc"))
    assert await loaded(engine) is None


async def test_an_edit_under_way_brings_no_deleted_account_back(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    async with writing(engine) as connection:
        await delete_account(connection, ALICE)
    number = await last_change(engine)
    with pytest.raises(NotThere, match="user alice"):
        await edited(engine, renamed("another"))
    assert await loaded(engine) is None
    assert await last_change(engine) == number


async def test_a_new_user_whom_nothing_is_changed_of_has_an_account_too(
    engine: AsyncEngine,
) -> None:
    after, number = await made(engine, lambda preferences: preferences)
    assert number == 1
    assert await loaded(engine) == after


async def test_where_nothing_changes_nothing_is_saved(engine: AsyncEngine) -> None:
    number = await saved(engine, some_preferences("alice"))
    assert await edited(engine, renamed("updates")) == (some_preferences("alice"), 0)
    assert await last_change(engine) == number


async def test_a_change_that_refuses_changes_nothing(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))

    def refuse(_: Preferences) -> Preferences:
        raise LookupError("not so")

    with pytest.raises(LookupError, match="not so"):
        await edited(engine, refuse)
    assert await loaded(engine) == some_preferences("alice")


async def test_a_change_that_refuses_makes_no_account(engine: AsyncEngine) -> None:
    def refuse(_: Preferences) -> Preferences:
        raise LookupError("not so")

    with pytest.raises(LookupError, match="not so"):
        await made(engine, refuse)
    assert await loaded(engine) is None


async def test_what_the_database_refuses_changes_nothing(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    another = replace(a_rule("UPDATES"), id=RuleId("another"))
    with pytest.raises(PreferencesError, match="alice"):
        await edited(engine, lambda now: replace(now, rules=(*now.rules, another)))
    assert await loaded(engine) == some_preferences("alice")


async def test_of_many_changes_at_once_each_sees_those_before(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    names = [f"d-{number}" for number in range(10)]
    numbers = await asyncio.gather(*(edited(engine, adding(name)) for name in names))
    found = await loaded(engine)
    assert found is not None
    assert {each.name for each in found.destinations} == {"email", *names}
    assert len({number for _, number in numbers}) == 10


async def test_two_first_logins_at_once_make_one_account(engine: AsyncEngine) -> None:
    both = await asyncio.gather(made(engine, adding("a")), made(engine, adding("b")))
    assert len({preferences.id for preferences, _ in both}) == 1


async def test_a_pause_and_its_reason_are_kept(engine: AsyncEngine) -> None:
    paused = replace(
        a_destination(), state=DestinationState.PAUSED, reason="on holiday", until=NOON
    )
    blocked = replace(a_rule("updates", paused), origin="default", blocked="too noisy")
    preferences = replace(some_preferences("alice", blocked), destinations=(paused,))
    number = await saved(engine, preferences)
    assert await loaded(engine) == preferences
    assert await then(engine, number) == preferences


async def test_what_cannot_be_read_here_outlives_an_edit(engine: AsyncEngine) -> None:
    readable = replace(a_rule("readable"), filters=(Topic(patterns=("*",)),))
    alice = some_preferences("alice", readable, a_rule("not readable"))
    odd = a_destination("odd")
    alice = replace(alice, destinations=(*alice.destinations, odd))
    alice = replace(
        alice, rules=tuple(replace(rule, destinations=alice.destinations) for rule in alice.rules)
    )
    await saved(engine, alice)
    await set_state(engine, odd.id, "of a newer fmn")
    await edited(engine, renamed("changed"), kinds=FEWER)
    await set_state(engine, odd.id, "active")
    found = await loaded(engine)
    assert found is not None
    assert {rule.id: rule.name for rule in found.rules} == {
        "alice-readable": "changed",
        "alice-not readable": "not readable",
    }
    assert {len(rule.destinations) for rule in found.rules} == {2}
    assert [each.name for each in found.destinations] == ["email", "odd"]


async def set_state(engine: AsyncEngine, destination: str, state: str) -> None:
    async with writing(engine) as connection:
        row = update(tables.destinations).where(tables.destinations.c.id == destination)
        await connection.execute(row.values(state=state))


async def gone(engine: AsyncEngine, user: UserId = ALICE, kinds: Kinds = KINDS) -> list[Rule]:
    async with reading(engine) as connection:
        return await deleted_rules(connection, user, kinds)


async def test_deleted_rules_are_shown_the_last_one_first_and_can_come_back(
    engine: AsyncEngine,
) -> None:
    one, two, three = (a_rule(name) for name in ("one", "two", "three"))
    await saved(engine, some_preferences("bob"))
    await saved(engine, some_preferences("alice", one, two, three))
    await saved(engine, some_preferences("alice", two, three))
    await saved(engine, some_preferences("alice", three))
    assert await gone(engine) == [two, one]
    assert await gone(engine, BOB) == []
    await edited(engine, lambda now: replace(now, rules=(*now.rules, one)))
    assert await gone(engine) == [two]
    assert await loaded(engine) == some_preferences("alice", three, one)


async def test_a_deleted_rule_has_the_destinations_that_are_left(engine: AsyncEngine) -> None:
    email, irc = a_destination("email"), a_destination("irc")
    both = replace(some_preferences("alice", a_rule("one", irc, email)), destinations=(email, irc))
    await saved(engine, both)
    await saved(engine, replace(both, rules=()))
    assert [rule.destinations for rule in await gone(engine)] == [(irc, email)]
    await saved(engine, replace(both, rules=(), destinations=(email,)))
    assert [rule.destinations for rule in await gone(engine)] == [(email,)]


async def test_a_deleted_rule_that_cannot_be_read_costs_the_others_nothing(
    engine: AsyncEngine,
) -> None:
    readable = replace(a_rule("readable"), filters=(Topic(patterns=("*",)),))
    await saved(engine, some_preferences("alice", readable, a_rule("not readable")))
    await edited(engine, without_rules)
    assert await gone(engine, kinds=FEWER) == [readable]


async def owner(engine: AsyncEngine, destination: str) -> str | None:
    async with reading(engine) as connection:
        return await owner_of(connection, destination)


async def test_a_destination_is_its_owners_until_it_is_deleted(engine: AsyncEngine) -> None:
    for user in ("alice", "bob"):
        await saved(engine, some_preferences(user))
    assert await owner(engine, "alice-email") == "alice"
    assert await owner(engine, "bob-email") == "bob"
    assert await owner(engine, "nobody-email") is None
    await saved(engine, replace(some_preferences("alice"), destinations=(), rules=()))
    assert await owner(engine, "alice-email") is None


async def test_a_destination_of_a_deleted_account_is_nobodys(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    async with writing(engine) as connection:
        await delete_account(connection, ALICE)
    assert await owner(engine, "alice-email") is None


async def test_what_was_in_force_is_known_for_every_number_of_the_feed(
    engine: AsyncEngine,
) -> None:
    first = await saved(engine, some_preferences("alice", a_rule("one")))
    between = await saved(engine, some_preferences("bob"))
    last = await saved(engine, some_preferences("alice", a_rule("two"), a_rule("three")))
    assert await then(engine, first - 1) is None
    assert await then(engine, first) == some_preferences("alice", a_rule("one"))
    assert await then(engine, between) == some_preferences("alice", a_rule("one"))
    assert await then(engine, last) == some_preferences("alice", a_rule("two"), a_rule("three"))
    assert await then(engine, last + 99) == await then(engine, last)
    assert await then(engine, last, user=BOB) == some_preferences("bob")
    assert await then(engine, last, user=UserId("nobody")) is None


async def test_everything_comes_back_from_the_feed_in_its_order(engine: AsyncEngine) -> None:
    email = replace(
        a_destination("email"),
        state=DestinationState.BOUNCING,
        reason="550 no such user",
        until=NOON + timedelta(microseconds=1),
        digest={"every": "1h", "at": 50},
        quiet={"from": "22:00", "to": "07:00", "days": ["mon"], "errors_pass": True},
    )
    irc = replace(a_destination("a"), kind="irc", state=DestinationState.UNCONFIRMED)
    rules = (
        a_rule("Zebras", irc, email),
        replace(a_rule("ärger", email), enabled=False, filters=(Severity(at_least="error"),)),
        replace(a_rule("all", irc), filters=(), everything=True, origin="default", blocked="no"),
    )
    preferences = Preferences(ALICE, "alice", ("python-sig", "kernel"), (irc, email), rules)
    number = await saved(engine, preferences)
    await edited(engine, without_rules)
    assert await then(engine, number) == preferences


def as_at_first(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the feed without what entries did not have at first."""
    later = {"reason", "until", "origin", "blocked"}
    for row in (*entry["destinations"], *entry["rules"]):
        for name in later & set(row):
            del row[name]
    return entry


async def test_an_entry_of_the_first_fmn_can_be_read(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    feed = tables.preference_changes
    async with writing(engine) as connection:
        old = as_at_first((await connection.scalars(select(feed.c.preferences))).one())
        row = {"user_id": ALICE, "at": NOON, "by": "alice", "preferences": old}
        await connection.execute(insert(feed).values(row))
    assert "until" not in old["destinations"][0]
    assert await then(engine, await last_change(engine)) == some_preferences("alice")


async def test_what_cannot_be_read_of_the_feed_is_left_out(engine: AsyncEngine) -> None:
    readable = replace(a_rule("readable"), filters=(Topic(patterns=("*",)),))
    both = some_preferences("alice", readable, a_rule("not readable"))
    number = await saved(engine, both)
    found = await then(engine, number, kinds=FEWER)
    assert found == some_preferences("alice", readable)


async def test_ids_in_the_feed_are_the_ones_of_then(engine: AsyncEngine) -> None:
    number = await saved(engine, some_preferences("alice"))
    await edited(engine, without_rules)
    found = await then(engine, number)
    assert found is not None
    assert [rule.id for rule in found.rules] == [RuleId("alice-updates")]
    assert [to.id for to in found.rules[0].destinations] == [DestinationId("alice-email")]
