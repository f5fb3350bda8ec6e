import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from fmn.errors import SchemaError
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.schema import current, require_schema, upgrade
from fmn.storage.tables import metadata


async def require(url: str) -> None:
    async with open_engine(url) as engine:
        await require_schema(engine)


async def claim_revision(url: str, revision: str) -> None:
    async with open_engine(url) as engine, writing(engine) as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables_we_use(database_url: str) -> None:
    await upgrade(database_url)
    async with open_engine(database_url) as engine, reading(engine) as connection:
        assert await connection.run_sync(differences) == []


async def test_an_empty_database_has_something_to_tell_the_comparison(database_url: str) -> None:
    async with open_engine(database_url) as engine, reading(engine) as connection:
        assert await connection.run_sync(differences) != []


async def test_an_upgraded_database_is_accepted(database_url: str) -> None:
    await upgrade(database_url)
    await require(database_url)


async def test_the_second_upgrade_changes_nothing(database_url: str) -> None:
    await upgrade(database_url)
    first = await current(database_url)
    await upgrade(database_url)
    assert first is not None
    assert await current(database_url) == first


async def test_two_upgrades_at_once_are_one(database_url: str) -> None:
    await asyncio.gather(upgrade(database_url), upgrade(database_url))
    await require(database_url)


async def test_an_empty_database_is_refused_in_one_line(database_url: str) -> None:
    assert await current(database_url) is None
    with pytest.raises(SchemaError, match="run `fmn db upgrade`") as raised:
        await require(database_url)
    assert "\n" not in str(raised.value)


async def test_the_schema_of_a_newer_fmn_is_refused_in_one_line(database_url: str) -> None:
    await upgrade(database_url)
    await claim_revision(database_url, "9999")
    for refused in (require, upgrade):
        with pytest.raises(SchemaError, match=r"9999.*newer fmn") as raised:
            await refused(database_url)
        assert "\n" not in str(raised.value)
    assert await current(database_url) == "9999"


async def test_the_migrations_are_found_from_any_folder(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await upgrade(database_url)
    await require(database_url)
