"""Addresses at rest: nobody who reads the database learns them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from fmn.errors import ConfigError
from fmn.storage.cards import cards
from fmn.storage.editing import in_force
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import deliveries
from fmn.storage.schema import require_schema, upgrade
from fmn.storage.seal import Seal
from fmn.storage.sealing import seal
from tests.storage.factories import KINDS, loaded, saved, some_preferences

SECRET = "a secret of thirty-two characters"  # noqa: S105  # of nobody
OTHER = "another secret, which is long enough"
ALICE = some_preferences()
(TO,) = ALICE.destinations


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_what_was_sealed_opens_again_and_only_with_its_secret(address: str) -> None:
    kept = Seal(SECRET).close(address)
    assert Seal(SECRET).open(kept) == address
    assert Seal(SECRET).close(address) == kept  # equal addresses stay equal
    if len(address) > 10:
        assert address not in kept
    if address:
        with pytest.raises(ConfigError, match=r"storage\.secret"):
            Seal(OTHER).open(kept)


async def everything(url: str) -> str:
    """Return all that the tables of preferences hold, as the database keeps it."""
    async with open_engine(url) as engine, reading(engine) as connection:
        tables = ("destinations", "preference_changes", "users", "rules")
        found = [
            await connection.execute(text(f"SELECT * FROM {name}"))  # noqa: S608  # the names are above
            for name in tables
        ]
        return str([row for rows in found for row in rows])


async def test_no_address_stands_in_the_database(database_url: str) -> None:
    await upgrade(database_url)
    async with open_engine(database_url, SECRET) as engine:
        version = await saved(engine, ALICE)
        assert await loaded(engine) == ALICE
        async with reading(engine) as connection:
            assert await in_force(connection, ALICE.id, version, KINDS) == ALICE
            (user,) = [each async for each in cards(connection, KINDS)]
            assert [place.address for place in user.card.destinations] == [TO.address]
            assert await deliveries(connection) == []
    assert TO.address not in await everything(database_url)
    assert TO.name in await everything(database_url)


async def test_what_stood_there_in_the_clear_is_read_and_sealed_when_it_is_saved(
    database_url: str,
) -> None:
    await upgrade(database_url)
    async with open_engine(database_url) as engine:
        await saved(engine, ALICE)
    assert TO.address in await everything(database_url)
    async with open_engine(database_url, SECRET) as engine:
        assert await loaded(engine) == ALICE
        await saved(engine, replace(ALICE, groups=("kernel-sig",)))
        async with reading(engine) as connection:
            found = await connection.scalar(text("SELECT address FROM destinations"))
    assert TO.address not in str(found)


async def test_everything_that_stands_there_can_be_sealed(database_url: str) -> None:
    await upgrade(database_url)
    async with open_engine(database_url) as engine:
        await saved(engine, ALICE)
        await saved(engine, replace(ALICE, groups=("kernel-sig",)))  # the feed has it twice
    async with open_engine(database_url, SECRET) as engine:
        async with writing(engine) as connection:
            assert await seal(connection) == 3
        found = await loaded(engine)
        assert found
        assert found.destinations == ALICE.destinations
    assert TO.address not in await everything(database_url)


@pytest.mark.parametrize("secret", ["", OTHER])
async def test_no_process_starts_with_another_secret(database_url: str, secret: str) -> None:
    await upgrade(database_url)
    async with open_engine(database_url, SECRET) as engine:
        await saved(engine, ALICE)
        await require_schema(engine)
    async with open_engine(database_url, secret) as engine:
        with pytest.raises(ConfigError, match=r"storage\.secret"):
            await require_schema(engine)


@pytest.mark.parametrize("secret", ["", OTHER])
async def test_without_the_right_secret_nobody_goes_on(database_url: str, secret: str) -> None:
    await upgrade(database_url)
    async with open_engine(database_url, SECRET) as engine:
        await saved(engine, ALICE)
    async with open_engine(database_url, secret) as engine:
        with pytest.raises(ConfigError, match=r"storage\.secret"):
            await loaded(engine)
