"""What the recorder erases by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.config import Settings, Storage
from fmn.emission import Learned, News, Outcome, State
from fmn.errors import Unavailable
from fmn.model import DestinationId, DestinationState, MessageId, RuleId, UserId, key_of
from fmn.processes.recorder import Keeper, Queues
from fmn.storage.accounts import delete_account
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import deliveries
from fmn.storage.schema import upgrade
from fmn.storage.tokens import issue, present
from tests.storage.factories import KINDS, loaded, saved, some_preferences


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    url = f"sqlite:///{tmp_path}/fmn.db"
    await upgrade(url)
    async with open_engine(url) as engine:
        yield engine


async def unheard(version: int) -> None:
    """Nudge nobody."""


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

    keeper = Keeper(engine, Settings(), KINDS, Queues(purge, unheard))
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

    settings = Settings(storage=Storage(keep_deliveries=timedelta(seconds=1)))
    keeper = Keeper(engine, settings, KINDS, Queues(purge, unheard))
    old = an_outcome()
    await keeper.keep([Outcome(old.key, "email", (), State.SENT, now - timedelta(hours=1))])
    await swept(keeper, done)
    async with reading(engine) as connection:
        assert await deliveries(connection) == []
        assert await present(connection, kept, "api") is not None


async def test_what_was_learned_is_applied_and_the_workers_are_told(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("alice"))
    versions = list[int]()

    async def nudge(version: int) -> None:
        versions.append(version)
        raise Unavailable("redis")  # which must not hold the log up

    async def purge(_: frozenset[str]) -> int:
        return 0

    gone = Learned(
        DestinationId("alice-email"), News.GONE, "m-1:alice-email", "410", datetime.now(UTC)
    )
    await Keeper(engine, Settings(), KINDS, Queues(purge, nudge)).keep([an_outcome(), gone])

    alice = await loaded(engine, "alice")
    assert alice is not None
    assert alice.destinations[0].state is DestinationState.GONE
    assert len(versions) == 1
    async with reading(engine) as connection:
        assert len(await deliveries(connection)) == 1
