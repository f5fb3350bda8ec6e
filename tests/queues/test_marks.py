"""Marks: consumers and workers hold back before the server is full, and whoever empties never."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.config import Queues
from fmn.queues.intake import Intake
from fmn.queues.marks import CONSUMERS, WORKERS, Fill, Marks
from tests.factories import a_message
from tests.queues.conftest import Join, Member
from tests.queues.road import judge_all, lines_of


@given(memory=st.integers(0, 10**12), limit=st.integers(0, 10**12))
def test_consumers_stop_before_workers_do(memory: int, limit: int) -> None:
    """So what is in the channels is never what keeps the workers from emptying them."""
    fill = Fill(memory, limit, 0)
    if fill.above(WORKERS, 0):
        assert fill.above(CONSUMERS, 0)
    if not limit:
        assert fill.above(CONSUMERS, 0) is None


def marks(member: Member, share: float = WORKERS, **settings: Any) -> Marks:
    return Marks(member.connection, member.life, Queues.model_validate(settings), share=share)


async def holds_back(minded: Marks) -> bool:
    """Tell whether there is no room now: one look, and told to stop."""
    stop = asyncio.Event()
    waiting = asyncio.create_task(minded.room(stop))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    stop.set()
    room = await waiting
    assert room is bool(done)
    return not room


async def written(member: Member) -> None:
    """Wait until nothing is on its way to the append-only file: that counts as used, too."""
    async with asyncio.timeout(30):
        while b"aof_buffer_length:0\r" not in await member.connection.do("INFO", "persistence"):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("of_the_server", [True, False])
async def test_above_a_part_of_its_memory_they_hold_back(join: Join, of_the_server: bool) -> None:
    async with join("worker") as worker:
        for i in range(500):  # in small pieces: what travels counts as used, too
            await worker.connection.do("SET", f"ballast {i}", b"x" * 20_000)
        await written(worker)
        info = (await worker.connection.do("INFO", "memory")).decode()
        used = int(info.partition("used_memory:")[2].split()[0])
        for share, full in ((0.5, True), (0.9, False)):
            limit = int(used / 0.65)  # between the marks of consumers and workers
            ours = {} if of_the_server else {"memory": limit}
            if of_the_server:
                await worker.connection.do("CONFIG", "SET", "maxmemory", limit)
            assert await holds_back(marks(worker, share, **ours)) is full
        assert await holds_back(marks(worker, CONSUMERS, **ours))
        assert not await holds_back(marks(worker, WORKERS, **ours))


async def test_without_any_limit_nobody_holds_back(join: Join) -> None:
    async with join("worker") as worker:
        assert not await holds_back(marks(worker, 0.0))


async def test_a_log_above_its_mark_holds_back_until_it_is_recorded(join: Join) -> None:
    async with join("worker") as worker, join("recorder") as recorder:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(20)])
        await judge_all(worker, 20)
        assert await holds_back(marks(worker, log_mark=3))
        assert not await holds_back(marks(worker, log_mark=20))
        await lines_of(recorder, 20)
        assert not await holds_back(marks(worker, log_mark=3))
