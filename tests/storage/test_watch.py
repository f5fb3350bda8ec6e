import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from fmn.errors import Unavailable
from fmn.model import Message, MessageId
from fmn.rules.filters.topic import Topic
from fmn.rules.me import Memberships
from fmn.storage import tables
from fmn.storage.engine import open_engine, writing
from fmn.storage.preferences import save
from fmn.storage.watch import WatchedRules
from tests.peers import free_port
from tests.peers.postgres import Postgres
from tests.storage.factories import KINDS, a_rule, eventually, saved, some_preferences

MESSAGE = Message(id=MessageId("m"), topic="org.fedoraproject.prod.bodhi.update.comment")
ELSEWHERE = replace(MESSAGE, topic="org.fedoraproject.prod.koji.build")

SOON = 1.0
"""Seconds after which a change is in force everywhere."""

Nudged = Callable[[float], Awaitable[object]]


class Nudges:
    """Nudges that come only when the test says so; no time-out wakes anybody."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._came = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self._came.wait()
        self._came.clear()

    def nudge(self) -> None:
        self._came.set()

    async def nudge_and_wait(self) -> None:
        """Return when the nudge was answered and the next one is waited for."""
        before = len(self.waits)
        self.nudge()
        await eventually(lambda: len(self.waits) > before, within=30)


def watched_rules(engine: AsyncEngine) -> WatchedRules:
    return WatchedRules(engine, KINDS, Memberships())


@asynccontextmanager
async def followed(rules: WatchedRules, nudged: Nudged) -> AsyncIterator[None]:
    """Load, then follow for as long as the block lasts."""
    await rules.load()
    following = asyncio.create_task(rules.follow(nudged))
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def matching(rules: WatchedRules, message: Message) -> list[tuple[str, str]]:
    return sorted((rule.user, rule.name) for rule in rules.current.match(message).rules)


def told(rules: WatchedRules) -> list[str]:
    """Return who hears of the message."""
    return [chosen.destination.user for chosen in rules.current.match(MESSAGE).destinations]


async def test_all_rules_are_there_after_loading(engine: AsyncEngine) -> None:
    await saved(engine, some_preferences("bob"))
    version = await saved(engine, some_preferences("alice"))
    rules = watched_rules(engine)
    assert (told(rules), rules.current.version) == ([], 0)
    await rules.load()
    assert rules.current.version == version
    assert sorted(told(rules)) == ["alice", "bob"]


async def test_a_rule_that_is_added_edited_deleted_is_in_force_at_once(
    engine: AsyncEngine,
) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    await saved(engine, some_preferences("bob"))
    async with followed(rules, nudges.wait):
        await saved(engine, some_preferences("alice"))
        await nudges.nudge_and_wait()
        assert sorted(told(rules)) == ["alice", "bob"]

        elsewhere = replace(a_rule("updates"), filters=(Topic(patterns=("*.koji.*",)),))
        await saved(engine, some_preferences("alice", elsewhere, a_rule("more")))
        await nudges.nudge_and_wait()
        assert matching(rules, MESSAGE) == [("alice", "more"), ("bob", "updates")]
        assert matching(rules, ELSEWHERE) == [("alice", "updates")]

        version = await saved(engine, replace(some_preferences("alice"), rules=()))
        await nudges.nudge_and_wait()
        assert told(rules) == ["bob"]
        assert rules.current.version == version


async def test_a_nudge_without_a_change_leaves_the_rule_set_as_it_is(engine: AsyncEngine) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    await saved(engine, some_preferences("alice"))
    async with followed(rules, nudges.wait):
        before = rules.current
        await nudges.nudge_and_wait()
        assert rules.current is before


async def test_a_change_is_in_force_within_a_second_with_a_nudge(engine: AsyncEngine) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    async with followed(rules, nudges.wait):
        await saved(engine, some_preferences("alice"))
        nudges.nudge()
        await eventually(lambda: told(rules) == ["alice"], within=SOON)


async def test_a_change_is_in_force_within_a_second_without_a_nudge(engine: AsyncEngine) -> None:
    rules = watched_rules(engine)
    async with followed(rules, asyncio.sleep):
        await saved(engine, some_preferences("alice"))
        await eventually(lambda: told(rules) == ["alice"], within=SOON)


async def test_who_began_first_and_commits_last_is_heard_within_a_second(
    postgres_engine: AsyncEngine,
) -> None:
    rules = watched_rules(postgres_engine)
    async with followed(rules, asyncio.sleep):
        async with writing(postgres_engine) as early:
            await early.scalar(select(tables.users.c.id))
            await saved(postgres_engine, some_preferences("bob"))
            await eventually(lambda: told(rules) == ["bob"], within=SOON)
            await save(early, some_preferences("alice"), by="alice")
        await eventually(lambda: told(rules) == ["bob", "alice"], within=SOON)


async def test_the_second_of_two_that_overlap_is_heard_too(engine: AsyncEngine) -> None:
    rules = watched_rules(engine)
    async with followed(rules, asyncio.sleep):
        async with writing(engine) as connection:
            await save(connection, some_preferences("alice"), by="alice")
            second = asyncio.create_task(saved(engine, some_preferences("bob")))
            await asyncio.wait({second}, timeout=0.2)
        await second
        await eventually(lambda: sorted(told(rules)) == ["alice", "bob"], within=SOON)


async def test_a_worker_does_not_start_without_rules() -> None:
    async with open_engine(f"postgresql://127.0.0.1:{free_port()}/fmn") as engine:
        with pytest.raises(Unavailable):
            await watched_rules(engine).load()


async def test_a_database_that_is_away_leaves_the_rules_as_they_are(
    postgres_server: Postgres, postgres_engine: AsyncEngine
) -> None:
    nudges, rules = Nudges(), watched_rules(postgres_engine)
    await saved(postgres_engine, some_preferences("alice"))
    async with followed(rules, nudges.wait):
        postgres_server.stop()
        try:
            with capture_logs() as logs:
                await nudges.nudge_and_wait()
                await nudges.nudge_and_wait()
        finally:
            postgres_server.start()
        assert [line["event"] for line in logs] == ["rules stay as last read"]
        assert not rules.reachable
        assert told(rules) == ["alice"]
        assert nudges.waits == sorted(set(nudges.waits))  # it asks less and less often

        await saved(postgres_engine, some_preferences("bob"))
        await nudges.nudge_and_wait()
        assert rules.reachable
        assert told(rules) == ["alice", "bob"]
        assert nudges.waits[-1] == nudges.waits[0]
