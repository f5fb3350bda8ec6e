"""The road from a channel to the log, each part run until something is reached."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta

from fmn.config import Retry
from fmn.emission import Emission, Handled, LogLine
from fmn.model import Message, Origin
from fmn.queues.attempts import Send
from fmn.queues.channels import Channels, Judge
from fmn.queues.claims import Claims
from fmn.queues.figures import figures
from fmn.queues.log import Log
from fmn.queues.outbox import Lane
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Member

QUICK = Retry.model_validate({"attempts": 3, "first": "0.01s", "longest": "0.01s"})
DAY = timedelta(days=1)
ENDS = ("sent ", "doubt ", "failed ", "dead ", "suppressed ")
"""How the counts of what becomes of a notification in the end begin."""


def one_mail_each(message: Message, origin: Origin) -> Emission:
    chunk = a_chunk(a_recipient(message.id), origin=origin)
    return Emission((chunk,), (Handled(message, datetime.now(UTC), 7, 1),))


async def until(stop: asyncio.Event, work: Awaitable[None], reached: asyncio.Event) -> None:
    """Work until something is reached, then drain."""
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(_run(work))
        await reached.wait()
        stop.set()
        await task


async def _run(work: Awaitable[None]) -> None:
    await work


async def totals(member: Member) -> Counter[str]:
    return sum((f.counts for f in await figures(member.connection)), Counter())


async def until_counted(member: Member, name: str, n: int) -> None:
    """Wait until the scripts have counted something so often; `done`: all that was made."""
    while True:
        counts = await totals(member)
        ended = sum(by for of, by in counts.items() if of.startswith(ENDS))
        if counts[name] >= n or (name == "done" and ended == counts["made email"]):
            return
        await asyncio.sleep(0.02)


async def judge_all(member: Member, expected: int, made: Judge = one_mail_each) -> None:
    stop, reached, seen = asyncio.Event(), asyncio.Event(), Counter[str]()

    def judge(message: Message, origin: Origin) -> Emission:
        seen[message.id] += 1
        if len(seen) == expected:
            reached.set()
        return made(message, origin)

    work = Channels(member.connection, member.life, batch=10).each(judge, stop)
    await until(stop, work, reached)


async def send_all(member: Member, send: Send, reached: asyncio.Event, *, at_once: int = 4) -> None:
    claims = Claims(member.connection, member.life, lifetime=DAY)
    lane = Lane(member.connection, member.life, "email", claims=claims, retry=QUICK)
    stop = asyncio.Event()
    await until(stop, lane.each(send, stop, at_once=at_once), reached)


async def lines_of(member: Member, expected: int) -> list[LogLine]:
    stop, reached, kept = asyncio.Event(), asyncio.Event(), list[LogLine]()

    async def record(lines: Sequence[LogLine]) -> None:
        kept.extend(lines)
        if len(kept) >= expected:
            reached.set()

    await until(stop, Log(member.connection, member.life, batch=100).each(record, stop), reached)
    return kept
