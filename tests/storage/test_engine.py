import asyncio
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.errors import ConfigError, Unavailable
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.tables import users
from tests.peers import free_port
from tests.peers.postgres import Postgres

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)


def a_user(name: str, created: datetime = NOON) -> dict[str, object]:
    return {"id": f"id-of-{name}", "name": name, "groups": [], "created": created}


async def names(engine: AsyncEngine) -> set[str]:
    async with reading(engine) as connection:
        return set(await connection.scalars(select(users.c.name)))


@pytest.mark.parametrize(
    "said",
    [
        NOON,
        NOON.astimezone(timezone(timedelta(hours=5, minutes=30))),
        NOON.replace(tzinfo=None),
    ],
)
async def test_times_come_back_in_utc_with_their_zone(engine: AsyncEngine, said: datetime) -> None:
    async with writing(engine) as connection:
        await connection.execute(insert(users), a_user("alice", created=said))
    async with reading(engine) as connection:
        found = (await connection.execute(select(users.c.created))).scalar_one()
    assert found == NOON
    assert found.tzinfo is UTC


async def test_a_block_that_raises_writes_nothing(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with writing(engine) as connection:
            await connection.execute(insert(users), a_user("alice"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await names(engine) == set()


async def test_who_reads_does_not_wait_for_who_writes(engine: AsyncEngine) -> None:
    async with writing(engine) as connection, asyncio.timeout(5):
        await connection.execute(insert(users), a_user("alice"))
        assert await names(engine) == set()
    assert await names(engine) == {"alice"}


async def test_reading_is_one_moment(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        before = set(await connection.scalars(select(users.c.name)))
        async with writing(engine) as other:
            await other.execute(insert(users), a_user("alice"))
        after = set(await connection.scalars(select(users.c.name)))
    assert before == after == set()


async def test_who_reads_first_and_writes_later_is_not_refused(engine: AsyncEngine) -> None:
    async def add(name: str) -> None:
        async with writing(engine) as connection:
            await connection.execute(select(users.c.name))
            await connection.execute(insert(users), a_user(name))

    expected = {f"user-{number}" for number in range(20)}
    await asyncio.gather(*map(add, expected))
    assert await names(engine) == expected


async def test_a_server_that_is_away_is_named_without_the_password() -> None:
    port = free_port()
    async with open_engine(f"postgresql://fmn:secret@127.0.0.1:{port}/history") as engine:
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}/history") as raised:
            async with reading(engine):
                pass
    assert "secret" not in str(raised.value)


async def test_a_database_that_does_not_exist_is_unavailable(postgres: str) -> None:
    async with open_engine(f"{postgres}_of_another") as engine:
        with pytest.raises(Unavailable, match="_of_another"):
            async with writing(engine):
                pass


@pytest.mark.parametrize("parameter", ["sslmode=disable", "sslmode=prefer"])
async def test_postgresql_takes_the_parameters_people_write(postgres: str, parameter: str) -> None:
    async with open_engine(f"{postgres}?{parameter}") as engine, reading(engine) as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_postgresql_is_reached_by_its_socket(
    postgres: str, postgres_server: Postgres
) -> None:
    _, _, database = postgres.rpartition("/")
    url = f"postgresql://fmn@:{postgres_server.port}/{database}?host={postgres_server.folder}"
    async with open_engine(url) as engine, reading(engine) as connection:
        assert await connection.scalar(text("SELECT inet_server_addr()")) is None


async def test_postgresql_that_must_be_encrypted_and_is_not_is_unavailable(postgres: str) -> None:
    async with open_engine(f"{postgres}?sslmode=require") as engine:
        with pytest.raises(Unavailable, match="SSL"):
            async with reading(engine):
                pass


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/missing"):
        async with open_engine(f"sqlite:///{tmp_path}/missing/fmn.db"):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "fmn.db").write_text("This is a letter, and by far too long for a header. " * 20)
    async with open_engine(f"sqlite:///{tmp_path}/fmn.db") as engine:
        with pytest.raises(Unavailable, match=r"fmn\.db: file is not a database"):
            async with reading(engine):
                pass


async def test_a_wrong_statement_is_a_bug_and_not_an_absence(postgres_engine: AsyncEngine) -> None:
    with pytest.raises(Exception, match="no_such_table") as raised:
        async with reading(postgres_engine) as connection:
            await connection.execute(text("SELECT * FROM no_such_table"))
    assert not isinstance(raised.value, Unavailable)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://fmn:secret@db/fmn",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://fmn:secret@db",
        "postgresql://fmn:secret@db:port/fmn",
        "postgresql://fmn:secret@db/fmn?sslmod=require",
        "fmn.db",
        "",
    ],
)
async def test_a_wrong_address_says_which_setting_and_what_is_expected(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.url.*expected") as raised:
        async with open_engine(url):
            pass
    assert "secret" not in str(raised.value)


async def test_postgresql_without_its_driver_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)  # so Python says that it is not there
    with pytest.raises(ConfigError, match="extra `postgres`"):
        async with open_engine("postgresql://db/fmn"):
            pass


async def test_who_sleeps_in_a_transaction_loses_it_and_others_go_on(
    postgres_engine: AsyncEngine,
) -> None:
    """As a recorder does that was stopped, or cut off: the one that took over needs its rows."""
    async with reading(postgres_engine) as connection:
        limit = await connection.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert limit == "1min"

    async def sleep() -> None:
        async with writing(postgres_engine) as sleeper:
            await sleeper.execute(text("SET LOCAL idle_in_transaction_session_timeout = 100"))
            await sleeper.execute(insert(users), a_user("alice"))
            async with writing(postgres_engine) as heir:  # waits for the row, until it is free
                await heir.execute(insert(users), a_user("alice"))
            await sleeper.execute(select(users.c.name))

    with pytest.raises(Unavailable):
        await sleep()
    assert await names(postgres_engine) == {"alice"}
