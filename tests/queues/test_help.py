"""Who has nothing to do helps: what is on the channel of a busy worker is read by an idle one."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from fmn.emission import Emission
from fmn.model import Message, Origin
from fmn.queues import keys
from fmn.queues.channels import Channels
from fmn.queues.embedded import server
from fmn.queues.entries import pack
from fmn.queues.intake import Intake
from fmn.queues.reader import Batch, Reader
from tests.factories import a_message
from tests.peers import need
from tests.peers.redis import redis_server
from tests.queues.conftest import Join, Member, member
from tests.queues.road import judge_all, one_mail_each, totals, until

PATIENCE = 30
WHILE_WAITING = """
if not string.find(redis.call('INFO', 'clients'), 'blocked_clients:[1-9]') then return 0 end
for _, stream in ipairs(KEYS) do redis.call('XADD', stream, '*', 'v', 1, 'n', 1, 'd', ARGV[1]) end
return 1
"""


@dataclass
class Server:
    """The server as it is now: asked in a way that lets no reader of this loop do anything."""

    client: Any

    def blocked(self) -> int:
        return int(self.client.info("clients")["blocked_clients"])

    def put_where_somebody_waits(self, *channels: int) -> bool:
        """Put an entry on each of these if somebody waits at this moment; tell whether."""
        streams = [keys.channel(k) for k in channels]
        return bool(self.client.eval(WHILE_WAITING, len(streams), *streams, pack(a_message())))

    def in_hand(self, k: int) -> dict[str, int]:
        """Return who has how many entries of a channel in hand."""
        consumers = self.client.xpending(keys.channel(k), "workers")["consumers"]
        return {each["name"].decode(): each["pending"] for each in consumers}

    def calls(self, command: str) -> int:
        stats = self.client.info("commandstats").get(f"cmdstat_{command}", {})
        return int(stats.get("calls", 0))


@contextmanager
def asked(url: str) -> Iterator[Server]:
    with Redis.from_url(url) as client:
        yield Server(client)


def reader(worker: Member) -> Reader:
    return Reader(worker.connection, worker.life, "workers", keys.channel)


async def until_known(*workers: Member) -> None:
    """Wait until each knows of the others, so that the channels are dealt out."""
    async with asyncio.timeout(PATIENCE):
        while any(len(w.life.crew.alive) < len(workers) for w in workers):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def put_while_waiting(server: Server, *channels: int) -> None:
    """Put entries in a moment in which a reader waits at the server."""
    async with asyncio.timeout(PATIENCE):
        while not server.put_where_somebody_waits(*channels):  # noqa: ASYNC110  # on the server
            await asyncio.sleep(0.001)


async def test_what_comes_to_a_busy_worker_is_with_an_idle_one_before_anybody_looks(
    join: Join, redis_url: str
) -> None:
    stop = asyncio.Event()
    async with join("worker") as busy, join("worker") as idle:
        await until_known(busy, idle)
        [channel] = busy.life.home
        assert idle.life.home != [channel]
        with asked(redis_url) as server:
            batches = aiter(reader(idle).batches(1, stop))
            helping = asyncio.ensure_future(anext(batches))
            await put_while_waiting(server, channel)
            # Nothing of ours has run since: the server gave it away by itself.
            assert server.in_hand(channel) == {idle.life.name: 1}
            batch = await helping
    assert (batch.channel, len(batch.entries)) == (channel, 1)


async def test_an_idle_worker_takes_from_all_channels_together_no_more_than_it_wants(
    join: Join, redis_url: str
) -> None:
    """At the most one of each: what it waits with it cannot share."""
    stop = asyncio.Event()
    async with join("worker") as worker:
        with asked(redis_url) as server:
            batches = aiter(reader(worker).batches(2, stop))
            taking = asyncio.ensure_future(anext(batches))
            await put_while_waiting(server, *[0] * 9, *[1] * 9)
            await taking
            held = [server.in_hand(k).get(worker.life.name, 0) for k in (0, 1)]
    assert sum(held) in {1, 2}
    assert max(held) == 1


async def test_its_own_channels_come_first_then_those_of_the_others(join: Join) -> None:
    stop, order = asyncio.Event(), list[int]()
    async with join("worker") as one, join("worker") as other:
        await until_known(one, other)
        [own] = one.life.home
        for k in (1 - own, own):
            for _ in range(3):
                entry = ("v", 1, "n", 1, "d", pack(a_message()))
                await one.connection.do("XADD", keys.channel(k), "*", *entry)
        async for batch in reader(one).batches(1, stop):
            order.append(batch.channel)
            if len(order) == 6:
                stop.set()
    assert order == [own] * 3 + [1 - own] * 3


async def test_a_full_channel_costs_two_commands_a_batch(join: Join, redis_url: str) -> None:
    """One reads and one finishes; whoever is busy does not look at the others."""
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(2000)])
        with asked(redis_url) as server:
            before = server.calls("xreadgroup"), server.calls("evalsha")
            await judge_all(worker, 2000)
            reads = server.calls("xreadgroup") - before[0]
            scripts = server.calls("evalsha") - before[1]
    # Batches of 10: 200, and as many again where the machine is too slow for so many at a time.
    assert reads < 500
    assert scripts < 1000


async def test_who_waited_for_nothing_waits_again_and_looks_nowhere(
    join: Join, redis_url: str
) -> None:
    stop = asyncio.Event()
    async with join("worker") as worker:
        with asked(redis_url) as server, server.client.monitor() as watching:
            reading = asyncio.create_task(all_of(reader(worker), stop))
            async with asyncio.timeout(PATIENCE):
                while server.calls("xreadgroup") < 8:  # noqa: ASYNC110  # on the server
                    await asyncio.sleep(0.02)
            stop.set()
            assert await reading == []
            server.client.ping()
            said = list(commands_until_ping(watching))
    waits = ["BLOCK" in command for command in said if command.startswith("XREADGROUP")]
    looks = waits.index(True)
    assert looks <= 2  # one at each channel
    assert len(waits) >= 8
    assert all(waits[looks:])


def commands_until_ping(watching: Any) -> Iterator[str]:
    """Yield what the server was told, up to the PING that ends it."""
    while (command := str(watching.next_command()["command"])) != "PING":
        yield command


async def all_of(reader: Reader, stop: asyncio.Event) -> list[Batch]:
    return [batch async for batch in reader.batches(1, stop)]


def blocked_worker(url: str, holds: threading.Event, go_on: threading.Event) -> threading.Thread:
    """Start a worker that hangs in its judge until it may go on, in a loop of its own."""

    async def work() -> None:
        stop = asyncio.Event()

        def judge(message: Message, origin: Origin) -> Emission:
            holds.set()
            go_on.wait(PATIENCE)
            stop.set()
            return one_mail_each(message, origin)

        async with member(url, "worker") as worker:
            await Channels(worker.connection, worker.life, batch=100).each(judge, stop)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    return thread


async def test_while_one_is_blocked_in_its_judge_the_other_does_all_the_rest(
    join: Join, redis_url: str
) -> None:
    holds, go_on = threading.Event(), threading.Event()
    async with join("worker") as other:
        blocked = blocked_worker(redis_url, holds, go_on)
        try:
            await until_known(other, other)
            intake = Intake(other.connection, other.life)
            await intake.put([a_message("m-0")])
            async with asyncio.timeout(PATIENCE):
                while not holds.is_set():  # noqa: ASYNC110  # a thread sets it
                    await asyncio.sleep(0.01)
            await intake.put([a_message(f"m-{i}") for i in range(1, 40)])
            [own] = other.life.home
            strange = await other.connection.do("XLEN", keys.channel(1 - own))
            held = await other.connection.do("XPENDING", keys.channel(1 - own), "workers")
            await judge_all(other, 39)
            counts = await totals(other)
        finally:
            go_on.set()
            await asyncio.to_thread(blocked.join)
        assert (await totals(other))["handled"] == 40
    assert counts["handled"] == 39
    name = other.life.name
    assert counts[f"worker {name} messages"] == 39
    assert counts[f"worker {name} helped"] == strange - held[0] > 0


async def test_the_first_take_is_of_one_and_those_of_what_is_cheap_of_many(
    join: Join, redis_url: str
) -> None:
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(1000)])
        stop, seen, in_hand = asyncio.Event(), list[str](), dict[int, int]()
        with asked(redis_url) as server:

            def judge(message: Message, _origin: Origin) -> Emission:
                if len(seen) in {0, 900}:
                    in_hand[len(seen)] = sum(sum(server.in_hand(k).values()) for k in (0, 1))
                seen.append(message.id)
                if len(seen) == 1000:
                    stop.set()
                return Emission((), ())

            await Channels(worker.connection, worker.life, batch=50).each(judge, stop)
    assert in_hand[0] == 1
    assert 1 < in_hand[900] <= 50


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_stream_that_the_server_lost_is_joined_again(
    join: Join, redis_url: str, *, waiting: bool
) -> None:
    stop, reached = asyncio.Event(), asyncio.Event()

    def judge(message: Message, origin: Origin) -> Emission:
        reached.set()
        return one_mail_each(message, origin)

    async with join("worker") as worker:
        await judge_all_of(worker, 1)
        with asked(redis_url) as server:
            channels = Channels(worker.connection, worker.life, batch=9)
            working = asyncio.create_task(channels.each(judge, stop))
            async with asyncio.timeout(PATIENCE):
                while waiting and not server.blocked():  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                server.client.delete(keys.channel(0), keys.channel(1))
                await Intake(worker.connection, worker.life).put([a_message("later")])
                await until(stop, working, reached)


async def judge_all_of(worker: Member, messages: int) -> None:
    await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(messages)])
    await judge_all(worker, messages)


@pytest.mark.parametrize("program", ["valkey", "redis-server"])
async def test_in_a_cluster_it_looks_at_the_channels_in_turn(program: str, tmp_path: Path) -> None:
    """Streams of several slots cannot be waited at together: one node that has all slots."""
    of = str(server()) if program == "valkey" else need("redis-server", "redis-server")
    with redis_server(of, tmp_path / "redis", more=("--cluster-enabled", "yes")) as url:
        with asked(url) as node:
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            async with asyncio.timeout(PATIENCE):
                while b"cluster_state:ok" not in node.client.execute_command("CLUSTER", "INFO"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        async with member(url, "worker") as worker:
            stop = asyncio.Event()
            reading = asyncio.create_task(all_of(reader(worker), stop))
            with asked(url) as node:
                for k in (1, 0):
                    await put_while_waiting(node, k)
                    async with asyncio.timeout(PATIENCE):
                        while sum(node.in_hand(k).values()) == 0:  # noqa: ASYNC110
                            await asyncio.sleep(0.01)
            stop.set()
            batches = await reading
    assert [batch.channel for batch in batches] == [1, 0]
