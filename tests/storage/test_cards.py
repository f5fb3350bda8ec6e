import gc
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from fmn.errors import Unavailable
from fmn.model import DestinationId, Message, RuleId, UserId
from fmn.preferences.codec import filters_to_json
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.filters.severity import Severity
from fmn.rules.filters.topic import Topic
from fmn.rules.me import Memberships
from fmn.rules.roster import card_of
from fmn.rules.rule_set import RuleSet
from fmn.storage import tables
from fmn.storage.cards import ROWS, UserRules, cards
from fmn.storage.engine import reading, writing
from fmn.storage.rows import Kinds
from tests.peers.postgres import Postgres
from tests.rules import cases
from tests.rules.strategies import messages, preferences
from tests.storage.factories import (
    KINDS,
    NOON,
    a_destination,
    a_rule,
    saved,
    some_preferences,
)

GROUPS = Memberships({"alice": frozenset({"kernel-sig"}), "bob": frozenset({"python-sig"})})
SELECTS = 4


async def read(
    engine: AsyncEngine, users: Collection[UserId] | None = None, kinds: Kinds = KINDS
) -> list[UserRules]:
    async with reading(engine) as connection:
        return [user async for user in cards(connection, kinds, users)]


async def fill(engine: AsyncEngine, users: int, rules: int) -> None:
    """Save as many users with as many rules each, which tell both of their destinations."""
    rows: dict[str, list[dict[str, Any]]] = {}
    asked = filters_to_json([Topic(patterns=("*.bodhi.*",))])
    for user in (f"u{number:05}" for number in range(users)):
        rows.setdefault("users", []).append(
            {"id": user, "name": user, "groups": [], "created": NOON}
        )
        for place in range(2):
            to = {"id": f"{user}-{place}", "name": f"{place}", "kind": "irc", "address": f"{place}"}
            mine = {"user_id": user, "position": place, "state": "active"}
            rows.setdefault("destinations", []).append(to | mine)
        for place in range(rules):
            rule = {"id": f"{user}-{place}", "name": f"{place}", "name_folded": f"{place}"}
            says = {"filters": asked, "enabled": True, "everything": False}
            mine = {"user_id": user, "position": rules - place}
            rows.setdefault("rules", []).append(rule | says | mine)
            rows.setdefault("rule_destinations", []).extend(
                {"rule_id": rule["id"], "destination_id": f"{user}-{to}", "position": to}
                for to in range(2)
            )
    async with writing(engine) as connection:
        for table, some in rows.items():
            await connection.execute(insert(tables.metadata.tables[table]), some)


def told(rules: RuleSet, message: Message) -> tuple[object, ...]:
    """Return all that a message leads to, whatever the order of the users."""
    matches = rules.match(message)
    chosen = {each.destination.id: list(each.rules.items()) for each in matches.destinations}
    return matches.by_user(), chosen


def of_user(drawn: Preferences, user: str) -> Preferences:
    """Return drawn preferences as those of another user."""
    at = {
        each.id: replace(each, id=DestinationId(f"{user}-{each.id}"), user=user)
        for each in drawn.destinations
    }
    rules = [
        replace(
            rule,
            id=RuleId(f"{user}-{rule.id}"),
            user=user,
            destinations=tuple(at[each.id] for each in rule.destinations),
        )
        for rule in drawn.rules
    ]
    return Preferences(UserId(f"id-of-{user}"), user, (), tuple(at.values()), tuple(rules))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    drawn=st.lists(preferences(), min_size=3, max_size=3), asked=st.lists(messages(), max_size=4)
)
async def test_cards_make_the_rule_set_that_preferences_make(
    engine: AsyncEngine, drawn: list[Preferences], asked: list[Message]
) -> None:
    users = list(map(of_user, drawn, ("charlie", "alice", "bob")))
    for user in users:
        await saved(engine, user)
    rules = RuleSet(groups=GROUPS)
    for found in await read(engine, kinds=cases.KINDS):
        rules.put(found.card, found.plans)
    expected = rule_set(users, groups=GROUPS)
    for message in asked:
        assert told(rules, message) == told(expected, message)


async def test_everybody_comes_by_id_with_rules_and_destinations_in_order(
    engine: AsyncEngine,
) -> None:
    paused, email = a_destination("paused"), a_destination("email")
    paused = replace(paused, until=NOON, digest={"every": "1h"}, quiet={"from": "22:00"})
    alice = replace(
        some_preferences("alice", a_rule("z", email, paused), a_rule("a", paused, email)),
        destinations=(paused, email),
    )
    bob = some_preferences("bob")
    await saved(engine, bob)
    await saved(engine, alice)
    await saved(engine, replace(some_preferences("charlie"), rules=()))
    found = await read(engine)
    assert [user.id for user in found] == ["id-of-alice", "id-of-bob", "id-of-charlie"]
    assert [user.card for user in found[:2]] == [
        card_of(each.user, each.destinations, each.rules) for each in (alice, bob)
    ]
    assert [len(user.plans) for user in found] == [2, 1, 0]


async def test_rules_that_match_nothing_are_left_out(engine: AsyncEngine) -> None:
    severe = (Severity(at_least="error", negate=True),)
    rules = (
        replace(a_rule("disabled"), enabled=False),
        replace(a_rule("blocked"), blocked="too noisy"),
        replace(a_rule("says nothing"), filters=()),
        replace(a_rule("only says not"), filters=severe),
        replace(a_rule("everything"), filters=severe, everything=True),
        a_rule("good"),
    )
    await saved(engine, some_preferences("alice", *rules))
    (alice,) = await read(engine)
    assert [rule.name for rule in alice.card.rules] == ["everything", "good"]
    assert [plan.is_everything for plan in alice.plans] == [True, False]


async def test_what_cannot_be_read_is_left_out_and_the_rest_stays(engine: AsyncEngine) -> None:
    email, broken = a_destination(), a_destination("broken")
    odd, strange = a_rule("odd"), a_rule("strange")
    alice = some_preferences("alice", a_rule("good", broken, email), odd, strange)
    await saved(engine, replace(alice, destinations=(broken, email)))
    await saved(engine, some_preferences("bob"))
    to, rule = tables.destinations, tables.rules
    newer = '[{"kind": "of a newer fmn"}]'
    async with writing(engine) as connection:
        await connection.execute(update(to).where(to.c.id == broken.id).values(state="newer"))
        await connection.execute(update(rule).where(rule.c.id == odd.id).values(filters="{"))
        await connection.execute(update(rule).where(rule.c.id == strange.id).values(filters=newer))
    with capture_logs() as logs:
        found = await read(engine)
    assert [user.card for user in found] == [
        card_of("alice", [email], [a_rule("good")]),
        card_of("bob", [], [a_rule("updates", user="bob")]),
    ]
    assert [(line["event"], line["id"], line["user"]) for line in logs] == [
        ("left out", each.id, "id-of-alice") for each in (broken, odd, strange)
    ]


async def test_only_the_users_asked_for_are_read(engine: AsyncEngine) -> None:
    for user in ("alice", "bob", "charlie"):
        await saved(engine, some_preferences(user))
    many = {UserId("id-of-bob"), *(UserId(f"nobody-{number}") for number in range(40_000))}
    assert [user.card.user for user in await read(engine, many)] == ["bob"]


async def test_few_rows_are_in_hand_at_any_time(engine: AsyncEngine) -> None:
    await fill(engine, users=3_000, rules=3)
    names: list[str] = []
    most = 0
    async with reading(engine) as connection, aclosing(cards(connection, KINDS)) as everybody:
        async for user in everybody:
            names.append(user.card.user)
            assert [rule.name for rule in user.card.rules] == ["2", "1", "0"]
            assert {rule.tells for rule in user.card.rules} == {(0, 1)}
            if len(names) % 200 == 0:
                most = max(most, sum(isinstance(each, Row) for each in gc.get_objects()))
    assert names == [f"u{number:05}" for number in range(3_000)]
    assert 0 < most <= 2 * SELECTS * ROWS  # of 36,000


async def test_what_is_read_is_one_moment(engine: AsyncEngine) -> None:
    await fill(engine, users=ROWS + 1, rules=2)
    last = tables.rules.c.user_id == f"u{ROWS:05}"
    async with reading(engine) as connection, aclosing(cards(connection, KINDS)) as everybody:
        found: list[UserRules] = [await anext(everybody)]
        async with writing(engine) as other:
            await other.execute(update(tables.rules).where(last).values(name="new"))
        found += [user async for user in everybody]
    assert names_of(found[-1:]) == ["1", "0"]
    assert names_of((await read(engine))[-1:]) == ["new", "new"]


async def test_a_database_that_goes_away_in_the_middle_is_unavailable(
    postgres_server: Postgres, postgres_engine: AsyncEngine
) -> None:
    await fill(postgres_engine, users=2 * ROWS, rules=1)

    async def cut_off() -> None:
        async with (
            reading(postgres_engine) as connection,
            aclosing(cards(connection, KINDS)) as everybody,
        ):
            await anext(everybody)
            postgres_server.stop()
            try:
                assert [user async for user in everybody] == []
            finally:
                postgres_server.start()

    with pytest.raises(Unavailable):
        await cut_off()


def names_of(users: Sequence[UserRules]) -> list[str]:
    return [rule.name for user in users for rule in user.card.rules]
