from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from fmn.errors import PreferencesError
from fmn.model import DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.rules.filters.field import Field
from fmn.rules.filters.topic import Topic
from fmn.rules.rule import Rule
from fmn.storage import tables
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user, save
from tests.storage.factories import (
    NOON,
    a_destination,
    a_rule,
    loaded,
    saved,
    some_preferences,
)

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")


def names(rules: Iterable[Rule]) -> list[str]:
    return [rule.name for rule in rules]


async def test_preferences_come_back_as_they_were_saved(engine: AsyncEngine) -> None:
    email = replace(
        a_destination("email"),
        digest={"every": "1h", "at": 50},
        quiet={"from": "22:00", "to": "07:00", "days": ["mon"], "errors_pass": True},
    )
    irc = replace(a_destination("a"), kind="irc", state=DestinationState.UNCONFIRMED)
    paused = replace(
        a_destination("p"), state=DestinationState.PAUSED, reason="on holiday", until=NOON
    )
    rules = (
        a_rule("Zebras", irc, email),
        replace(a_rule("ärger", email), enabled=False, blocked="too noisy"),
        replace(a_rule("all", irc, paused), filters=(), everything=True, origin="default"),
    )
    told = (email, irc, paused)
    preferences = Preferences(ALICE, "alice", ("python-sig", "kernel"), told, rules)
    await saved(engine, preferences)
    assert await loaded(engine) == preferences


async def test_numbers_in_filters_stay_exact(engine: AsyncEngine) -> None:
    exact = Field.model_validate({"path": "a", "equals": Decimal("0.1000000000000000000001")})
    await saved(engine, some_preferences("alice", replace(a_rule("x"), filters=(exact,))))
    async with reading(engine) as connection:
        found = await load_user(connection, "alice", {"field": Field})
    assert found is not None
    assert found.rules[0].filters == (exact,)


async def test_nobody_is_found_by_a_name_that_is_not_there(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    assert await loaded(engine, "bob") is None


async def test_saving_replaces_what_was_there(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice", a_rule("one"), a_rule("two"), a_rule("three")))
    edited = replace(a_rule("two"), id=a_rule("one").id, filters=(Topic(patterns=("x",)),))
    after = replace(
        some_preferences("alice", a_rule("new"), edited),
        user="alicia",
        groups=("rust-sig",),
    )
    await saved(engine, after)
    found = await loaded(engine, "alicia")
    assert found is not None
    assert names(found.rules) == ["new", "two"]
    assert found.rules[1].filters == (Topic(patterns=("x",)),)
    assert found.groups == ("rust-sig",)


async def test_two_rules_may_swap_their_names(engine: AsyncEngine) -> None:
    one, two = a_rule("one"), a_rule("two")
    await saved(engine, some_preferences("alice", one, two))
    await saved(
        engine, some_preferences("alice", replace(one, name="two"), replace(two, name="one"))
    )
    found = await loaded(engine)
    assert found is not None
    assert {rule.id: rule.name for rule in found.rules} == {one.id: "two", two.id: "one"}


async def test_what_is_deleted_keeps_its_row_and_can_come_back(engine: AsyncEngine) -> None:
    both = some_preferences("alice", a_rule("one"), a_rule("two"))
    await saved(engine, both)
    await saved(engine, some_preferences("alice", a_rule("two")))
    async with reading(engine) as connection:
        rules = tables.rules.c
        deleted = await connection.execute(select(rules.name).where(rules.deleted.is_not(None)))
    assert deleted.scalars().all() == ["one"]
    await saved(engine, both)
    assert await loaded(engine) == both


async def test_what_is_to_be_kept_is_not_deleted_for_being_missing(engine: AsyncEngine) -> None:
    one, two, three = (a_rule(name) for name in ("one", "two", "three"))
    await saved(engine, some_preferences("alice", one, two, three))
    async with writing(engine) as connection:
        await save(connection, some_preferences("alice", one), by="alice", keep={two.id})
    found = await loaded(engine)
    assert found is not None
    assert {rule.id: rule.destinations for rule in found.rules} == {
        one.id: one.destinations,
        two.id: two.destinations,
    }


async def test_the_name_of_a_deleted_rule_is_free(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice", a_rule("one")))
    another = replace(a_rule("one"), id=RuleId("another"))
    await saved(engine, some_preferences("alice", another))
    found = await loaded(engine)
    assert found is not None
    assert [rule.id for rule in found.rules] == ["another"]


EMAIL = a_destination()
TWICE = replace(EMAIL, id=DestinationId("another"), name="mail")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(
            some_preferences("alice", a_rule("Größe"), a_rule("GRÖSSE")), id="one name, folded"
        ),
        pytest.param(replace(some_preferences(), destinations=(EMAIL, TWICE)), id="one address"),
        pytest.param(replace(some_preferences(), id=UserId("x")), id="the name of another user"),
        pytest.param(
            some_preferences("alice", replace(a_rule("x"), id=a_rule("updates", user="bob").id)),
            id="a rule of another user",
        ),
        pytest.param(
            some_preferences("alice", a_rule("x", a_destination("unknown"))),
            id="a destination that does not exist",
        ),
        pytest.param(
            some_preferences("alice", a_rule("x", a_destination(user="bob"))),
            id="a destination of another user",
        ),
    ],
)
async def test_what_contradicts_what_is_there_is_refused_and_changes_nothing(
    engine: AsyncEngine, refused: Preferences
) -> None:
    before = {user: some_preferences(user) for user in ("alice", "bob")}
    for preferences in before.values():
        await saved(engine, preferences)
    with pytest.raises(PreferencesError, match="alice"):
        await saved(engine, refused)
    assert {user: await loaded(engine, user) for user in before} == before


async def test_an_address_may_be_two_users(engine: AsyncEngine) -> None:
    team = replace(
        some_preferences("bob"), destinations=(replace(EMAIL, id=DestinationId("t"), user="bob"),)
    )
    await saved(engine, some_preferences("alice"))
    await saved(engine, replace(team, rules=()))
    assert await loaded(engine, "bob") == replace(team, rules=())


async def test_what_cannot_be_read_is_left_out_and_named(engine: AsyncEngine) -> None:
    odd = replace(a_rule("odd"), filters=(Field.model_validate({"path": "a", "equals": 1}),))
    broken = a_destination("broken")
    alice = replace(
        some_preferences("alice", a_rule("good", EMAIL, broken), odd),
        destinations=(broken, EMAIL),
    )
    await saved(engine, alice)
    await saved(engine, some_preferences("bob"))
    async with writing(engine) as connection:
        row = tables.destinations.update().where(tables.destinations.c.id == broken.id)
        await connection.execute(row.values(state="of a newer fmn"))
    with capture_logs() as logs:
        found = [await loaded(engine, user) for user in ("alice", "bob")]
    assert found == [some_preferences("alice", a_rule("good")), some_preferences("bob")]
    assert [line["id"] for line in logs] == [broken.id, odd.id]
