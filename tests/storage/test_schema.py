import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.emission import State
from fmn.errors import SchemaError, Unavailable
from fmn.model import UserId
from fmn.storage.editing import in_force
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import deliveries
from fmn.storage.preferences import load_user, save
from fmn.storage.schema import current, require_schema, upgrade
from fmn.storage.tables import messages, metadata
from tests.storage.factories import KINDS, NOON, a_destination, a_rule, some_preferences


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


async def test_an_upgrade_waits_while_another_writes_to_the_new_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "fmn.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        upgrading = asyncio.create_task(upgrade(url := f"sqlite:///{tmp_path}/fmn.db"))
        done, _ = await asyncio.wait([upgrading], timeout=0.5)  # refused, it would end at once
        assert not done
        other.execute("COMMIT")
        await upgrading
    await require(url)


async def test_who_gave_up_waiting_for_a_new_database_left_it_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmn.storage.engine.PATIENCE", 0.2)
    url = f"sqlite:///{tmp_path}/fmn.db"
    with closing(sqlite3.connect(tmp_path / "fmn.db", isolation_level=None)) as reader:
        reader.execute("CREATE TABLE other (id)")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM other").fetchall()
        with pytest.raises(Unavailable, match="locked"):
            await upgrade(url)
    await upgrade(url)


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


ALICE = UserId("id-of-alice")
HEARD: dict[str, Any] = {
    "id": "alice-email",
    "position": 0,
    "name": "email",
    "kind": "email",
    "address": "alice+email@example.org",
    "state": "active",
    "digest": None,
    "quiet": None,
}
RULE: dict[str, Any] = {
    "id": "alice-updates",
    "position": 0,
    "name": "updates",
    "name_folded": "updates",
    "filters": '[{"kind":"topic","patterns":["*.bodhi.*"]},'
    '{"kind":"severity","at_least":"warning","negate":true}]',
    "enabled": True,
    "everything": False,
}
LINK = {"rule_id": "alice-updates", "destination_id": "alice-email", "position": 0}
ENTRY = {
    "user": "alice",
    "groups": [],
    "destinations": [HEARD],
    "rules": [RULE],
    "rule_destinations": [LINK],
}
OF_THE_FIRST: dict[str, list[dict[str, Any]]] = {
    "users": [{"id": ALICE, "name": "alice", "groups": [], "created": NOON}],
    "destinations": [
        HEARD | {"user_id": ALICE, "deleted": None},
        HEARD | {"id": "gone", "user_id": ALICE, "deleted": NOON, "quiet": {"from": "22:00"}},
    ],
    "rules": [
        RULE | {"user_id": ALICE, "deleted": None},
        RULE | {"id": "gone", "user_id": ALICE, "deleted": NOON, "filters": "not even JSON"},
    ],
    "rule_destinations": [LINK],
    "preference_changes": [{"user_id": ALICE, "at": NOON, "by": "alice", "preferences": ENTRY}],
    "messages": [
        {
            "id": name,
            "facts": {"topic": "org.example.build", "url": url, "summary": 'it\'s \u2026 "built"'},
            "owners": [{"artifact": "rpms/kernel", "users": ["alice"], "groups": []}],
            "body": b'{"build": 1.10}\xff',
            "sent_at": sent_at,
            "private": private,
            "handled_at": NOON,
            "version": 7,
            "notifications": 1,
        }
        for name, url, sent_at, private in (
            ("urn:uuid:2", "https://copr.example.org/1?a='b'", NOON, False),
            ("1", None, None, True),
        )
    ],
    "deliveries": [
        {
            "key": "urn:uuid:2:alice-email",
            "message_id": "urn:uuid:2",
            "destination_id": "alice-email",
            "user_id": ALICE,
            "kind": "email",
            "rules": ["alice-updates"],
            "state": "sent",
            "rank": 5,
            "attempts": 1,
            "reason": None,
            "at": NOON,
        }
    ],
}


async def fill_the_first(url: str) -> None:
    """Make a database of the first revision, with something in every table."""
    async with open_engine(url) as engine, writing(engine) as connection:
        await connection.run_sync(to_the_first)
        first = await reflected(connection)
        for name, rows in OF_THE_FIRST.items():
            await connection.execute(insert(first.tables[name]), rows)


def to_the_first(connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "alembic"))
    command.upgrade(config, "0001")


async def reflected(connection: AsyncConnection) -> MetaData:
    found = MetaData()
    await connection.run_sync(found.reflect)
    return found


async def kept(connection: AsyncConnection, name: str) -> list[dict[str, Any]]:
    """Return what the columns of the first revision hold now, in any order."""
    table = metadata.tables[name]
    columns = [table.c[column] for column in OF_THE_FIRST[name][0]]
    rows = (await connection.execute(select(*columns))).mappings()
    return [dict(row) for row in rows]


@pytest.mark.parametrize("table", list(OF_THE_FIRST))
async def test_an_upgrade_from_the_first_schema_loses_nothing(
    database_url: str, table: str
) -> None:
    await fill_the_first(database_url)
    await upgrade(database_url)
    async with open_engine(database_url) as engine, reading(engine) as connection:
        found = await kept(connection, table)
        assert sorted(found, key=str) == sorted(OF_THE_FIRST[table], key=str)
        assert await connection.run_sync(differences) == []


async def test_messages_of_the_first_schema_have_a_number_and_are_found_by_url(
    database_url: str,
) -> None:
    await fill_the_first(database_url)
    await upgrade(database_url)
    async with open_engine(database_url) as engine, reading(engine) as connection:
        rows = (await connection.execute(select(messages).order_by(messages.c.number))).all()
    assert {row.id: row.url for row in rows} == {
        "urn:uuid:2": "https://copr.example.org/1?a='b'",
        "1": None,
    }
    assert [row.number for row in rows] == [1, 2]


async def test_what_the_first_schema_held_can_be_read_and_changed(database_url: str) -> None:
    await fill_the_first(database_url)
    await upgrade(database_url)
    async with open_engine(database_url) as engine:
        async with reading(engine) as connection:
            assert await load_user(connection, "alice", KINDS) == some_preferences("alice")
            assert await in_force(connection, ALICE, 1, KINDS) == some_preferences("alice")
            assert [line.state for line in await deliveries(connection)] == [State.SENT]
        async with writing(engine) as connection:
            after = some_preferences("alice", a_rule("new", a_destination()))
            assert await save(connection, after, by="alice") == 2
