import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from fmn.model import UserId
from fmn.storage import tables
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import changed_since, newest, save
from tests.storage.factories import a_destination, a_rule, saved, some_preferences

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")


async def changes(engine: AsyncEngine, version: int = 0) -> tuple[set[UserId], int]:
    async with reading(engine) as connection:
        return await changed_since(connection, version)


async def test_the_feed_says_who_changed_and_how_far_it_goes(engine: AsyncEngine) -> None:
    assert await changes(engine) == (set(), 0)
    first = await saved(engine, some_preferences("alice"))
    second = await saved(engine, some_preferences("bob"))
    third = await saved(engine, some_preferences("bob"))
    assert first < second < third
    assert await changes(engine) == ({ALICE, BOB}, third)
    assert await changes(engine, first) == ({BOB}, third)
    assert await changes(engine, third) == (set(), third)
    async with reading(engine) as connection:
        assert await newest(connection) == third


async def test_the_feed_keeps_the_preferences_and_who_changed_them(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await save(connection, some_preferences("alice", a_rule("one")), by="an admin")
    async with reading(engine) as connection:
        row = (await connection.execute(select(tables.preference_changes))).one()
    assert row.by == "an admin"
    assert row.preferences["user"] == "alice"
    assert [rule["name"] for rule in row.preferences["rules"]] == ["one"]
    assert [each["address"] for each in row.preferences["destinations"]] == [
        a_destination().address
    ]


async def test_a_change_that_is_rolled_back_is_not_in_the_feed(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with writing(engine) as connection:
            await save(connection, some_preferences("alice"), by="alice")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await changes(engine) == (set(), 0)


async def test_who_saves_waits_for_who_saved_and_comes_later_in_the_feed(
    engine: AsyncEngine,
) -> None:
    async with writing(engine) as connection:
        first = await save(connection, some_preferences("alice"), by="alice")
        later = asyncio.create_task(saved(engine, some_preferences("bob")))
        # Nothing tells that it waits; without the turn it takes milliseconds.
        done, _ = await asyncio.wait({later}, timeout=0.5)
        assert not done
        assert await changes(engine) == (set(), 0)
    second = await later
    assert first < second
    assert await changes(engine, first) == ({BOB}, second)


async def begun(connection: AsyncConnection) -> None:
    """Make sure that the server knows of the transaction."""
    await connection.scalar(select(tables.users.c.id))


async def test_who_began_first_and_commits_last_is_last_in_the_feed(
    postgres_engine: AsyncEngine,
) -> None:
    engine = postgres_engine
    async with writing(engine) as early:
        await begun(early)
        late = await saved(engine, some_preferences("bob"))
        assert await changes(engine) == ({BOB}, late)
        last = await save(early, some_preferences("alice"), by="alice")
    assert await changes(engine, late) == ({ALICE}, last)
