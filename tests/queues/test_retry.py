"""Back-off: doubling, capped, partly at random; a peer that asked for longer gets it."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from fmn.config import Retry
from fmn.emission import Chunk, Content, Recipient
from fmn.errors import TransientFailure
from fmn.queues import keys
from fmn.queues.claims import Claims
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.road import DAY, until, until_counted

RETRY = Retry.model_validate({"attempts": 10, "first": "90s", "longest": "10m"})
HOUR = 3600


async def retries(member: Member) -> list[tuple[float, Chunk]]:
    """Return what waits for its next attempt, and in how many seconds it is due."""
    now = int((await member.connection.do("TIME"))[0])
    flat = await member.connection.do("ZRANGE", keys.retry(0, "email"), 0, -1, "WITHSCORES")
    values = [member.partition(b"\n")[2] for member in flat[::2]]
    chunks = [msgspec.msgpack.decode(value, type=Chunk) for value in values]
    return [(float(due) - now, chunk) for due, chunk in zip(flat[1::2], chunks, strict=True)]


async def fails(member: Member, chunk: Chunk) -> list[tuple[float, Chunk]]:
    """Let every recipient fail for now, slow ones asking for an hour."""
    failed, stop = asyncio.Event(), asyncio.Event()

    async def send(_content: Content, recipient: Recipient) -> None:
        slow = recipient.address.startswith("slow")
        raise TransientFailure("busy", retry_after=timedelta(seconds=HOUR) if slow else None)

    async def watch() -> None:
        await until_counted(member, "retried email", len(chunk.recipients))
        failed.set()

    await put(member.connection, 0, [chunk])
    claims = Claims(member.connection, member.life, lifetime=DAY)
    lane = Lane(member.connection, member.life, "email", claims=claims, retry=RETRY)
    watching = asyncio.create_task(watch())
    await until(stop, lane.each(send, stop, at_once=4), failed)
    await watching
    return await retries(member)


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 60, 90), (2, 120, 180), (3, 240, 360), (9, 400, 600)]
)
async def test_the_next_attempt_waits_twice_as_long_up_to_a_limit_and_a_third_by_chance(
    join: Join, attempt: int, least: int, most: int
) -> None:
    recipients = [a_recipient(destination=f"d-{i}") for i in range(20)]
    async with join("sender") as sender:
        [(due, chunk)] = await fails(sender, a_chunk(*recipients, attempt=attempt))
    assert least - 2 <= due <= most + 2  # the clock goes on meanwhile, in whole seconds
    assert chunk.attempt == attempt + 1
    assert list(chunk.recipients) == recipients  # content stands once for all of them


async def test_who_asked_for_longer_waits_so_long_and_the_others_do_not(join: Join) -> None:
    usual, slow = a_recipient(), a_recipient(destination="d-slow", address="slow@example.org")
    async with join("sender") as sender:
        first, second = await fails(sender, a_chunk(usual, slow))
    assert first[0] <= 92
    assert first[1].recipients == (usual,)
    assert HOUR - 2 <= second[0] <= HOUR + 2
    assert second[1].recipients == (slow,)
