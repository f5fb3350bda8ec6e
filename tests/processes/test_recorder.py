"""What the recorder erases by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.config import Storage
from fmn.emission import Outcome, State
from fmn.model import DestinationId, MessageId, RuleId, UserId, key_of
from fmn.processes.recorder import Keeper
from fmn.storage.accounts import delete_account
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import deliveries
from fmn.storage.schema import upgrade
from fmn.storage.tokens import issue, present
from tests.storage.factories import saved, some_preferences


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite:///{tmp_path}/fmn.db"
    await upgrade(url)
    async with open_engine(url) as engine:
        yield engine


async def swept(keeper: Keeper, done: asyncio.Event) -> None:
    """Let the keeper erase once."""
    forgetting = asyncio.create_task(keeper.forget())
    async with asyncio.timeout(10):
        await done.wait()
    forgetting.cancel()


def an_outcome() -> Outcome:
    key = key_of(MessageId("m-1"), DestinationId("alice-email"))
    return Outcome(key, "email", (RuleId("r"),), State.SENT, datetime.now(UTC))


async def test_what_is_left_of_a_deleted_account_is_purged_again(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    await saved(engine, some_preferences("bob"))
    async with writing(engine) as connection:
        await delete_account(connection, UserId("id-of-alice"))
    purged: list[frozenset[str]] = []
    done = asyncio.Event()

    async def purge(destinations: frozenset[str]) -> int:
        purged.append(destinations)
        done.set()
        return 0

    keeper = Keeper(engine, Storage(), purge)
    await swept(keeper, done)
    assert purged == [{"alice-email"}]


async def test_tokens_that_expired_and_old_deliveries_are_forgotten(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    await saved(engine, some_preferences("bob"))
    now, alice = datetime.now(UTC), UserId("id-of-alice")
    async with writing(engine) as connection:
        kept = await issue(
            connection, alice, "api", scopes=frozenset({"read"}), expires=now + timedelta(days=1)
        )
        await delete_account(connection, UserId("id-of-bob"))
    done = asyncio.Event()

    async def purge(_: frozenset[str]) -> int:
        done.set()
        return 0

    keeper = Keeper(engine, Storage(keep_deliveries=timedelta(seconds=1)), purge)
    old = an_outcome()
    await keeper.keep([Outcome(old.key, "email", (), State.SENT, now - timedelta(hours=1))])
    await swept(keeper, done)
    async with reading(engine) as connection:
        assert await deliveries(connection) == []
        assert await present(connection, kept, "api") is not None
