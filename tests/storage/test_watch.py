import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from fmn.errors import Unavailable
from fmn.model import DestinationId, Message, MessageId, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.rules.filters.topic import Topic
from fmn.rules.me import Memberships
from fmn.rules.plan import Plan
from fmn.rules.roster import Card
from fmn.rules.rule_set import RuleSet
from fmn.storage import tables
from fmn.storage.accounts import delete_account
from fmn.storage.engine import open_engine, writing
from fmn.storage.preferences import save
from fmn.storage.watch import WatchedRules
from tests.peers import free_port
from tests.peers.postgres import Postgres
from tests.storage.factories import (
    KINDS,
    a_destination,
    a_rule,
    eventually,
    saved,
    some_preferences,
)

MESSAGE = Message(id=MessageId("m"), topic="org.fedoraproject.prod.bodhi.update.comment")
ELSEWHERE = replace(MESSAGE, topic="org.fedoraproject.prod.koji.build")

SOON = 1.0
"""Seconds of waiting after which a change is in force everywhere."""

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
        await eventually(lambda: self.waits)
        before = len(self.waits)
        self.nudge()
        await eventually(lambda: len(self.waits) > before, within=30)


class Waited:
    """Waits as long as is said, and adds it up; that the machine is busy is no wait."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def wait(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(seconds)

    async def soon(self, true: Callable[[], object]) -> None:
        before = self.seconds
        await eventually(true)
        assert self.seconds - before <= SOON


def watched_rules(engine: AsyncEngine) -> WatchedRules:
    return WatchedRules(engine, KINDS, Memberships())


@asynccontextmanager
async def followed(rules: WatchedRules, nudged: Nudged) -> AsyncIterator[None]:
    """Load, then follow for as long as the block lasts."""
    await rules.load()
    async with following(rules, nudged):
        yield


@asynccontextmanager
async def following(rules: WatchedRules, nudged: Nudged) -> AsyncIterator[None]:
    """Follow for as long as the block lasts; of what is there nothing is loaded before."""
    task = asyncio.create_task(rules.follow(nudged))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def told(rules: WatchedRules) -> list[str]:
    """Return who hears of the message."""
    return [chosen.destination.user for chosen in rules.current.match(MESSAGE).destinations]


def matching(rules: WatchedRules, message: Message = MESSAGE) -> list[tuple[str, str]]:
    """Return user and name of each rule that matches."""
    return sorted((rule.user, rule.name) for rule in rules.current.match(message).rules)


class Seen(RuleSet):
    """A rule set that remembers whose rules were put, and is sealed for as long as a test wants."""

    is_ripe = False
    failure: Exception | None = None

    def __init__(self, version: int = 0) -> None:
        self.puts: list[str] = []
        self.sealed, self.at_once, self.most_at_once = 0, 0, 0
        self.go_on = threading.Event()
        self.go_on.set()
        super().__init__(version=version)

    def put(self, card: Card, plans: Sequence[Plan]) -> None:
        self.puts.append(card.user)
        super().put(card, plans)

    def seal(self) -> Callable[[], None]:
        job = super().seal()

        def waiting() -> None:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.go_on.wait()
            self.at_once -= 1
            if self.failure:
                raise self.failure
            job()
            self.sealed += 1

        return waiting


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
        assert matching(rules) == [("alice", "more"), ("bob", "updates")]
        assert matching(rules, ELSEWHERE) == [("alice", "updates")]

        version = await saved(engine, replace(some_preferences("alice"), rules=()))
        await nudges.nudge_and_wait()
        assert told(rules) == ["bob"]
        assert rules.current.version == version


async def test_a_change_puts_the_rules_of_its_user_and_of_nobody_else(engine: AsyncEngine) -> None:
    nudges, rules, seen = Nudges(), watched_rules(engine), Seen()
    for user in ("alice", "bob", "charlie"):
        await saved(engine, some_preferences(user))
    rules.current = seen
    async with following(rules, nudges.wait):
        await nudges.nudge_and_wait()
        assert seen.puts == ["alice", "bob", "charlie"]
        version = await saved(engine, some_preferences("bob", a_rule("new", user="bob")))
        await nudges.nudge_and_wait()
        assert seen.puts[3:] == ["bob"]
        assert matching(rules) == [
            ("alice", "updates"),
            ("bob", "new"),
            ("charlie", "updates"),
        ]
        await nudges.nudge_and_wait()  # for nothing
        assert seen.puts[4:] == []
        assert rules.current is seen
        assert seen.version == version


async def test_whoever_has_another_name_leaves_no_rules_under_the_old_one(
    engine: AsyncEngine,
) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    alice = some_preferences("alice")
    await saved(engine, alice)
    async with followed(rules, nudges.wait):
        await saved(engine, replace(alice, user="alicia"))
        await nudges.nudge_and_wait()
        assert told(rules) == ["alicia"]
        await saved(engine, replace(alice, user="alison", rules=()))
        await nudges.nudge_and_wait()
        assert told(rules) == []
        await saved(engine, replace(alice, user="alice"))
        await nudges.nudge_and_wait()
        assert told(rules) == ["alice"]


async def test_a_name_may_go_from_one_to_another(engine: AsyncEngine) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    alice, bob = some_preferences("alice"), some_preferences("bob", a_rule("his", user="bob"))
    await saved(engine, alice)
    await saved(engine, bob)
    async with followed(rules, nudges.wait):
        for name, user in (("charlie", alice), ("alice", bob), ("bob", alice)):
            await saved(engine, replace(user, user=name))
        await nudges.nudge_and_wait()
        assert matching(rules) == [("alice", "his"), ("bob", "updates")]


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_is_deleted_has_no_rules_and_who_has_the_name_next_has_their_own(
    engine: AsyncEngine, *, at_once: bool
) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    alice = some_preferences("alice")
    await saved(engine, alice)
    async with followed(rules, nudges.wait):
        async with writing(engine) as connection:
            await delete_account(connection, alice.id)
        if not at_once:
            await nudges.nudge_and_wait()
            assert told(rules) == []
        # An id that comes first among all, and one that comes last.
        for id_, rule in (("0", "first"), ("z", "last")):
            new = some_preferences("alice", replace(a_rule(rule), id=RuleId(id_)))
            to = replace(a_destination(), id=DestinationId(id_))
            mine = replace(new.rules[0], destinations=(to,))
            await saved(engine, Preferences(UserId(id_), "alice", (), (to,), (mine,)))
            if not at_once:
                await nudges.nudge_and_wait()
                assert matching(rules) == [("alice", rule)]
            if rule == "first":
                async with writing(engine) as connection:
                    await delete_account(connection, UserId(id_))
        await nudges.nudge_and_wait()
        assert matching(rules) == [("alice", "last")]


async def test_rules_and_version_are_of_one_change_at_every_moment(engine: AsyncEngine) -> None:
    rules = watched_rules(engine)
    known: dict[int, list[tuple[str, str]]] = {0: []}
    seen: dict[int, list[tuple[str, str]]] = {}
    async with followed(rules, lambda _pause: asyncio.sleep(0)):
        for number in range(10):
            async with writing(engine) as connection:
                for user in ("alice", "bob"):  # in one transaction: nobody sees the first alone
                    name = f"rule {number}"
                    new = some_preferences(user, a_rule(name, user=user))
                    version = await save(connection, new, by=user)
            known[version] = [("alice", name), ("bob", name)]
            while rules.current.version < version:
                seen[rules.current.version] = matching(rules)
                await asyncio.sleep(0)
            assert matching(rules) == known[version]
    assert seen == {version: known[version] for version in seen}


async def test_rules_are_sealed_in_the_background_one_job_at_a_time(engine: AsyncEngine) -> None:
    nudges, rules, seen = Nudges(), watched_rules(engine), Seen()
    rules.current = seen
    seen.go_on.clear()
    seen.is_ripe = True
    try:
        async with following(rules, nudges.wait):
            await saved(engine, some_preferences("alice"))
            await nudges.nudge_and_wait()
            await eventually(lambda: seen.at_once == 1)
            await saved(engine, some_preferences("bob"))
            await nudges.nudge_and_wait()
            assert told(rules) == ["alice", "bob"]
            assert (seen.sealed, seen.at_once) == (1, 1)  # the first was when it was made
            seen.go_on.set()
            await eventually(lambda: seen.sealed == 2)
            await saved(engine, some_preferences("charlie"))
            await nudges.nudge_and_wait()
            await eventually(lambda: seen.sealed == 3)
            assert (told(rules), seen.most_at_once) == (["alice", "bob", "charlie"], 1)
    finally:
        seen.go_on.set()


async def test_rules_that_cannot_be_sealed_are_followed_all_the_same(engine: AsyncEngine) -> None:
    nudges, rules, seen = Nudges(), watched_rules(engine), Seen()
    rules.current = seen
    seen.is_ripe, seen.failure = True, MemoryError("too many")
    async with following(rules, nudges.wait):
        with capture_logs() as logs:
            await saved(engine, some_preferences("alice"))
            await nudges.nudge_and_wait()
            await eventually(lambda: logs)
        assert [(line["event"], line["reason"]) for line in logs] == [
            ("rules could not be sealed", "MemoryError('too many')")
        ]
        seen.failure = None
        await saved(engine, some_preferences("bob"))
        await nudges.nudge_and_wait()
        await eventually(lambda: seen.sealed == 2)
        assert told(rules) == ["alice", "bob"]


async def test_a_change_is_in_force_with_the_first_nudge(engine: AsyncEngine) -> None:
    nudges, rules = Nudges(), watched_rules(engine)
    async with followed(rules, nudges.wait):
        await saved(engine, some_preferences("alice"))
        nudges.nudge()
        await eventually(lambda: told(rules) == ["alice"])


async def test_a_change_is_in_force_within_a_second_without_a_nudge(engine: AsyncEngine) -> None:
    waited, rules = Waited(), watched_rules(engine)
    async with followed(rules, waited.wait):
        await saved(engine, some_preferences("alice"))
        await waited.soon(lambda: told(rules) == ["alice"])


async def test_who_began_first_and_commits_last_is_heard_within_a_second(
    postgres_engine: AsyncEngine,
) -> None:
    waited, rules = Waited(), watched_rules(postgres_engine)
    async with followed(rules, waited.wait):
        async with writing(postgres_engine) as early:
            await early.scalar(select(tables.users.c.id))
            await saved(postgres_engine, some_preferences("bob"))
            await waited.soon(lambda: told(rules) == ["bob"])
            await save(early, some_preferences("alice"), by="alice")
        await waited.soon(lambda: told(rules) == ["bob", "alice"])


async def test_the_second_of_two_that_overlap_is_heard_too(engine: AsyncEngine) -> None:
    waited, rules = Waited(), watched_rules(engine)
    async with followed(rules, waited.wait):
        async with writing(engine) as connection:
            await save(connection, some_preferences("alice"), by="alice")
            second = asyncio.create_task(saved(engine, some_preferences("bob")))
            await asyncio.wait({second}, timeout=0.2)
        await second
        await waited.soon(lambda: sorted(told(rules)) == ["alice", "bob"])


async def test_a_worker_does_not_start_without_rules() -> None:
    async with open_engine(f"postgresql://127.0.0.1:{free_port()}/fmn") as engine:
        rules = watched_rules(engine)
        empty = rules.current
        with pytest.raises(Unavailable):
            await rules.load()
        assert rules.current is empty


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
