"""What consumers put, and what is said of it where Redis forgets."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fmn.queues import keys
from fmn.queues.intake import Intake
from tests.chaos.services import RedisServer, program
from tests.factories import a_message
from tests.peers import wait_until
from tests.queues.conftest import member

pytestmark = pytest.mark.real
N = 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    options = ("--appendfsync", "everysec", "--rename-command", "WAITAOF", "")
    running = RedisServer(program("valkey"), tmp_path, options)
    running.start()
    yield running
    running.kill()


def messages(first: int, count: int = 50) -> list[Any]:
    return [a_message(f"m-{i}") for i in range(first, first + count)]


def counted(server: RedisServer) -> Counter[str]:
    with server.client() as client:
        counts = Counter[str](waiting=sum(client.xlen(keys.channel(k)) for k in range(N)))
        for k in range(N):
            counts.update({n.decode(): int(by) for n, by in client.hgetall(keys.counts(k)).items()})
        return counts


async def test_what_redis_forgot_is_named_by_who_put_it_also_if_he_puts_more_at_once(
    server: RedisServer,
) -> None:
    async with member(f"unix://{server.socket}", "consumer", N) as consumer:
        intake = Intake(consumer.connection, consumer.life)
        await intake.put(messages(0))
        kept = server.file.stat().st_size
        await intake.put(messages(50))
        server.kill()
        with server.file.open("rb+") as file:
            file.truncate(kept)
        server.start()
        await intake.put(messages(100))
        counts = counted(server)
    assert (counts["taken"], counts["lost"], counts["waiting"]) == (150, 50, 100)


async def test_what_redis_forgot_is_named_by_who_puts_no_more(server: RedisServer) -> None:
    async with member(f"unix://{server.socket}", "consumer", N) as consumer:
        intake = Intake(consumer.connection, consumer.life)
        await intake.put(messages(0))
        kept = server.file.stat().st_size
        await intake.put(messages(50))
        await consumer.life.look()
        server.kill()
        with server.file.open("rb+") as file:
            file.truncate(kept)
        server.start()
        following = asyncio.create_task(intake.follow())
        await asyncio.to_thread(wait_until, lambda: counted(server)["lost"], "the name")
        following.cancel()
        counts = counted(server)
    assert (counts["taken"], counts["lost"], counts["waiting"]) == (100, 50, 50)
