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


class Falling(RedisServer):
    """One that loses its power, and with it what came after `kept`."""

    kept = 0

    def keeps(self) -> None:
        """What it has now is on disk."""
        self.kept = self.file.stat().st_size

    def falls(self) -> None:
        """Fall, and come back."""
        self.kill()
        with self.file.open("rb+") as file:
            file.truncate(self.kept)
        self.start()


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Falling]:
    """One that says when a write is on disk, where the test asks for that."""
    silent = () if getattr(request, "param", False) else ("--rename-command", "WAITAOF", "")
    running = Falling(program("valkey"), tmp_path, ("--appendfsync", "everysec", *silent))
    running.start()
    yield running
    running.kill()


def messages(first: int, count: int = 50) -> list[Any]:
    return [a_message(f"m-{i}") for i in range(first, first + count)]


def counted(server: Falling) -> Counter[str]:
    with server.client() as client:
        counts = Counter[str](waiting=sum(client.xlen(keys.channel(k)) for k in range(N)))
        for k in range(N):
            counts.update({n.decode(): int(by) for n, by in client.hgetall(keys.counts(k)).items()})
        return counts


async def test_what_redis_forgot_is_named_by_who_put_it_also_if_he_puts_more_at_once(
    server: Falling,
) -> None:
    async with member(f"unix://{server.socket}", "consumer", N) as consumer:
        intake = Intake(consumer.connection, consumer.life)
        await intake.put(messages(0))
        server.keeps()
        await intake.put(messages(50))
        server.falls()
        await intake.put(messages(100))
        counts = counted(server)
    assert (counts["taken"], counts["lost"], counts["waiting"]) == (150, 50, 100)


async def test_what_redis_forgot_is_named_by_who_puts_no_more(server: Falling) -> None:
    async with member(f"unix://{server.socket}", "consumer", N) as consumer:
        intake = Intake(consumer.connection, consumer.life)
        await intake.put(messages(0))
        server.keeps()
        await intake.put(messages(50))
        await consumer.life.look()
        server.falls()
        following = asyncio.create_task(intake.follow())
        await asyncio.to_thread(wait_until, lambda: counted(server)["lost"], "the name")
        following.cancel()
        counts = counted(server)
    assert (counts["taken"], counts["lost"], counts["waiting"]) == (100, 50, 50)


@pytest.mark.parametrize("server", [True], indirect=True, ids=["with WAITAOF"])
async def test_what_falls_with_redis_before_it_is_confirmed_is_put_again(
    server: Falling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes when the server has answered, and has not yet said that it is on disk."""
    async with member(f"unix://{server.socket}", "consumer", N) as consumer:
        intake = Intake(consumer.connection, consumer.life)
        await intake.put(messages(0))
        server.keeps()
        settle = consumer.connection.settle

        async def settle_after_a_fall() -> None:
            monkeypatch.undo()
            server.falls()
            await settle()

        monkeypatch.setattr(consumer.connection, "settle", settle_after_a_fall)
        await intake.put(messages(50))
        counts = counted(server)
    assert (counts["taken"], counts["lost"], counts["waiting"]) == (100, 0, 100)
