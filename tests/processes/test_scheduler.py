"""The scheduler over real servers: into SQL and back, whatever is killed between two steps."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Content, Emission, Outcome, Recipient, Release, State, Withheld
from fmn.model import DestinationState, Message, Origin, RuleId, UserId
from fmn.processes.scheduler import Keeper, hold, release
from fmn.queues import keys
from fmn.queues.held import HeldLane, Others
from fmn.queues.lease import under_lease
from fmn.queues.log import Log
from fmn.queues.purge import purge
from fmn.report.ledger import Notifications
from fmn.storage import tables
from fmn.storage.accounts import delete_account
from fmn.storage.engine import reading, writing
from fmn.storage.history import deliveries, record
from fmn.storage.preferences import save
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Member, member
from tests.queues.full import MARK, TIMES, handle, notifications
from tests.queues.road import send_all
from tests.storage.factories import saved, some_preferences

ALL = 11
HELD = ALL - MARK
STEPS = ["read", "kept", "begun", "gone", "not settled", "settled"]


class KilledError(BaseException):
    """The process ends here, with what it has in hand."""


class Fragile(HeldLane):
    """A lane beside which the process is killed, once, at the step it is told."""

    dies = ""

    def at(self, step: str) -> None:
        if step == self.dies:
            raise KilledError

    async def let_go(self, release: Release) -> bool:
        self.at("begun")
        gone = await super().let_go(release)
        self.at("gone")
        return gone

    async def settled(self) -> None:
        self.at("not settled")
        await asyncio.sleep(0)
        self.at("settled")


class Doomed(Keeper):
    """A keeper that is killed with its lane."""

    def __init__(self, engine: AsyncEngine, lane: Fragile) -> None:
        super().__init__(engine, lane, lane.settled)
        self.at = lane.at

    async def keep(self, withheld: Sequence[Withheld]) -> Others:
        self.at("read")
        others = await super().keep(withheld)
        self.at("kept")
        return others


def one_each(message: Message, origin: Origin) -> Emission:
    rules = {RuleId("alice-updates"): "updates"}
    to = a_recipient(message.id, "alice-email", address="alice+email@example.org", rules=rules)
    return Emission((a_chunk(to, origin=origin),), ())


@pytest.fixture
async def worker(redis_url: str, engine: AsyncEngine) -> AsyncIterator[Member]:
    """Alice's lane is full, and more waits before it."""
    await saved(engine, some_preferences())
    async with member(redis_url, "worker", 1) as joined:
        await handle(joined, one_each, [a_message(f"m-{i:02}") for i in range(ALL)])
        yield joined


@asynccontextmanager
async def scheduler(url: str, engine: AsyncEngine, dies: str = "") -> AsyncIterator[Keeper]:
    """Run a scheduler until the block ends, or until it is killed."""
    async with member(url, "scheduler", 1) as process:
        lane = Fragile(process.connection, process.life, batch=4, lane_mark=MARK)
        lane.dies = dies
        keeper, stop = Doomed(engine, lane), asyncio.Event()

        async def work() -> None:
            await release(keeper, stop)

        async with asyncio.timeout(TIMES), asyncio.TaskGroup() as group:
            group.create_task(hold(lane, keeper, stop))
            leased = under_lease(process.connection, process.life, "releases", work, stop)
            group.create_task(leased)
            yield keeper
            stop.set()


@asynccontextmanager
async def sending(url: str) -> AsyncIterator[list[str]]:
    """Run a sender until the block ends; yields the messages it has sent, in their order."""
    sent, stop = list[str](), asyncio.Event()

    async def send(content: Content, recipient: Recipient) -> None:
        sent.append(recipient.keys[0].partition(":")[0])

    async with member(url, "sender:email", 1) as process, asyncio.TaskGroup() as group:
        group.create_task(send_all(process, send, stop, at_once=1))
        yield sent
        stop.set()


async def until(joined: Member, true: Callable[[Notifications], bool]) -> Notifications:
    """Return what the ledger says once it is so; at every look it must add up."""
    async with asyncio.timeout(TIMES):
        while not true(found := await notifications(joined.connection)):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.01)
    return found


async def rows(engine: AsyncEngine) -> list[int | None]:
    """Return how much is in SQL of what waits, and of contents."""
    async with reading(engine) as connection:
        return [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (tables.held, tables.contents)
        ]


async def until_rows(engine: AsyncEngine, expected: list[int]) -> None:
    async with asyncio.timeout(TIMES):
        while await rows(engine) != expected:  # noqa: ASYNC110  # it is in a database
            await asyncio.sleep(0.01)


async def test_what_finds_its_lane_full_waits_in_sql_and_goes_oldest_first(
    redis_url: str, engine: AsyncEngine, worker: Member
) -> None:
    async with scheduler(redis_url, engine):
        await until_rows(engine, [HELD, 1])
        waiting = await notifications(worker.connection)
        async with sending(redis_url) as sent:
            found = await until(worker, lambda now: now.sent == ALL)
        await until_rows(engine, [0, 0])
    assert (waiting.made, waiting.held, waiting.waiting) == (ALL, HELD, MARK)
    assert sent == [f"m-{i:02}" for i in range(ALL)]
    assert (found.made, found.held, found.waiting) == (ALL, 0, 0)


@pytest.mark.parametrize("step", STEPS)
async def test_a_scheduler_killed_between_any_two_steps_loses_nothing_and_doubles_nothing(
    redis_url: str, engine: AsyncEngine, worker: Member, step: str
) -> None:
    async with sending(redis_url) as sent:
        with pytest.raises(BaseExceptionGroup) as killed:
            async with scheduler(redis_url, engine, dies=step):
                await until(worker, lambda now: now.sent == ALL)
        assert killed.group_contains(KilledError)
        await notifications(worker.connection)
        async with scheduler(redis_url, engine):
            found = await until(worker, lambda now: now.sent == ALL)
            await until_rows(engine, [0, 0])
    assert sent == [f"m-{i:02}" for i in range(ALL)]
    assert (found.held, found.in_doubt, found.suppressed) == (0, 0, {})


async def test_what_fell_with_redis_before_it_was_on_disk_goes_again(
    redis_url: str, engine: AsyncEngine, worker: Member
) -> None:
    """The server falls while the scheduler waits for its disk, and knows nothing of a release."""
    async with scheduler(redis_url, engine):
        await until_rows(engine, [HELD, 1])
    outbox, connection = keys.outbox(0, "email"), worker.connection
    await connection.do("DEL", outbox)  # so there is room

    async def falls() -> None:
        marks = await connection.do("KEYS", keys.released(0, "*"))
        await connection.do("DEL", outbox, *marks)

    lane = HeldLane(connection, worker.life, batch=4, lane_mark=ALL)
    await Keeper(engine, lane, falls).release()
    fallen = await rows(engine), await connection.do("XLEN", outbox)
    await Keeper(engine, lane, connection.settle).release()
    assert fallen == ([HELD, 1], 0)
    assert (await rows(engine), await connection.do("XLEN", outbox)) == ([0, 0], HELD)


async def test_two_schedulers_at_once_are_fine(
    redis_url: str, engine: AsyncEngine, worker: Member
) -> None:
    async with scheduler(redis_url, engine), scheduler(redis_url, engine):
        async with sending(redis_url) as sent:
            found = await until(worker, lambda now: now.sent == ALL)
        await until_rows(engine, [0, 0])
    assert sorted(sent) == [f"m-{i:02}" for i in range(ALL)]
    assert found.held == 0


async def test_what_does_not_go_any_more_is_suppressed_and_its_owner_learns_why(
    redis_url: str, engine: AsyncEngine, worker: Member
) -> None:
    async with scheduler(redis_url, engine):
        await until_rows(engine, [HELD, 1])
        (email,) = some_preferences().destinations
        paused = replace(email, state=DestinationState.PAUSED)
        async with writing(engine) as connection:
            now = replace(some_preferences(), destinations=(paused,))
            await save(connection, now, by="alice")
        async with sending(redis_url):
            found = await until(worker, lambda now: now.held == now.waiting == 0)
        await until_rows(engine, [0, 0])
    await recorded(worker, engine, lines=ALL + HELD)
    assert (found.sent, found.suppressed) == (MARK, {"paused": HELD})
    async with reading(engine) as connection:
        told = await deliveries(connection)
    states = [(one.state, one.reason) for one in sorted(told, key=lambda one: one.message)]
    assert states == [(State.SENT, None)] * MARK + [(State.SUPPRESSED, "paused")] * HELD


async def recorded(joined: Member, engine: AsyncEngine, lines: int) -> None:
    """Record what the log says."""
    stop, count = asyncio.Event(), 0

    async def keep(some: Sequence[object]) -> None:
        nonlocal count
        outcomes = [line for line in some if isinstance(line, Outcome)]
        async with writing(engine) as connection:
            await record(connection, outcomes)
        count += len(outcomes)
        if count >= lines:
            stop.set()

    async with asyncio.timeout(TIMES):
        await Log(joined.connection, joined.life, batch=100).each(keep, stop)


async def test_of_a_deleted_account_nothing_waits_and_the_ledger_has_it(
    redis_url: str, engine: AsyncEngine, worker: Member
) -> None:
    async with scheduler(redis_url, engine):
        await until_rows(engine, [HELD, 1])
        async with writing(engine) as connection:
            gone = await delete_account(connection, UserId("id-of-alice"))
        # The lane is full, and stays so: what nobody waits for any more needs no room.
        found = await until(worker, lambda now: now.held == 0)
        await until_rows(engine, [0, 0])
    assert (found.waiting, found.suppressed) == (MARK, {"deleted": HELD})
    await purge(worker.connection, gone)
    assert (await notifications(worker.connection)).suppressed == {"deleted": ALL}
