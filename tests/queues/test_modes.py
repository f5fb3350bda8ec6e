"""Mode pubsub, leases, nudges, and the embedded server."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fmn.emission import Emission, Handled
from fmn.errors import ConfigError, Unavailable
from fmn.model import Message, Origin, Undecodable
from fmn.queues import keys
from fmn.queues.connection import connect
from fmn.queues.embedded import embedded, server
from fmn.queues.figures import figures
from fmn.queues.lease import Work, under_lease
from fmn.queues.nudge import nudge, nudges
from fmn.queues.pubsub import PubsubChannels, PubsubIntake
from fmn.report.gathered import ledger_of
from tests.factories import a_chunk, a_message, a_recipient
from tests.peers.redis import redis_server
from tests.queues.conftest import Join, Member, member


def one_mail_each(message: Message, origin: Origin) -> Emission:
    chunk = a_chunk(a_recipient(message.id), origin=origin)
    return Emission((chunk,), (Handled(message, datetime.now(UTC), 7, 1),))


async def listeners(member: Member, k: int) -> int:
    answer = await member.connection.do("PUBSUB", "NUMSUB", keys.channel(k))
    return int(answer[1])


async def until_listening(member: Member, expected: list[int]) -> None:
    async with asyncio.timeout(20):
        while [await listeners(member, k) for k in (0, 1)] != expected:  # noqa: ASYNC110  # on the server
            await asyncio.sleep(0.02)


async def test_pubsub_hears_what_is_published_while_it_listens_and_the_rest_is_lost(
    join: Join,
) -> None:
    heard, stop, done = Counter[str](), asyncio.Event(), asyncio.Event()

    def judge(message: Message, origin: Origin) -> Emission:
        heard[message.id] += 1
        if len(heard) == 20:
            done.set()
        return one_mail_each(message, origin)

    async with join("consumer") as consumer, join("worker") as worker:
        intake = PubsubIntake(consumer.connection, consumer.life)
        await intake.put([a_message("too-early"), Undecodable(b"{", "no JSON")])
        channels = PubsubChannels(worker.connection, worker.life)
        working = asyncio.create_task(channels.each(judge, stop))
        await until_listening(consumer, [1, 1])
        await intake.put([a_message(f"m-{i}") for i in range(20)])
        await asyncio.wait_for(done.wait(), 20)
        stop.set()
        await working
        ledger = ledger_of(await figures(worker.connection))
    assert set(heard) == {f"m-{i}" for i in range(20)}
    messages = ledger.messages
    assert (messages.taken, messages.handled, messages.lost) == (21, 20, 1)
    assert (messages.undecodable, ledger.notifications.made) == (1, 20)
    assert ledger.balanced


async def test_pubsub_writes_all_parts_of_what_is_for_very_many_and_counts_the_message_once(
    join: Join,
) -> None:
    def judge(message: Message, origin: Origin) -> Emission:
        first = a_chunk(a_recipient(message.id, "a"), origin=origin)
        return Emission((first,), (), lambda: one_mail_each(message, origin))

    stop = asyncio.Event()
    async with join("worker") as worker:
        working = asyncio.create_task(
            PubsubChannels(worker.connection, worker.life).each(judge, stop)
        )
        await until_listening(worker, [1, 1])
        await PubsubIntake(worker.connection, worker.life).put([a_message()])
        async with asyncio.timeout(20):
            while (found := ledger_of(await figures(worker.connection))).messages.handled < 1:  # noqa: ASYNC110  # on the server
                await asyncio.sleep(0.02)
        progress = [await worker.connection.do("EXISTS", keys.progress(k)) for k in (0, 1)]
        stop.set()
        await working
    assert (found.messages.handled, found.messages.lost, found.notifications.made) == (1, 0, 2)
    assert found.balanced
    assert progress == [0, 0]


async def test_two_pubsub_workers_share_the_channels_one_listener_each(join: Join) -> None:
    stop = asyncio.Event()
    async with join("worker") as first, join("worker") as second:
        async with asyncio.timeout(30):
            while len(first.life.crew.alive) < 2:  # noqa: ASYNC110  # a thread sets it
                await asyncio.sleep(0.02)
        working = [
            asyncio.create_task(PubsubChannels(m.connection, m.life).each(one_mail_each, stop))
            for m in (first, second)
        ]
        await until_listening(first, [1, 1])
        holders = {await first.connection.do("GET", keys.lease(f"channel:{k}")) for k in (0, 1)}
        stop.set()
        await asyncio.gather(*working)
    assert holders == {first.life.name.encode(), second.life.name.encode()}


def holding(order: list[str], name: str, end: asyncio.Event) -> Work:
    """Return work that says when it begins and ends with the event."""

    async def work() -> None:
        order.append(name)
        await end.wait()

    return work


async def until_held_by(member: Member, name: str, holder: Member) -> None:
    async with asyncio.timeout(20):
        while await member.connection.do("GET", keys.lease(name)) != holder.life.name.encode():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_who_holds_a_lease_makes_the_others_stand_by_until_it_is_given_back(
    join: Join,
) -> None:
    stop, end, order = asyncio.Event(), asyncio.Event(), list[str]()
    async with join("sender") as one, join("sender") as two, asyncio.timeout(30):
        first = asyncio.create_task(
            under_lease(one.connection, one.life, "irc:fmn", holding(order, "one", end), stop)
        )
        await until_held_by(one, "irc:fmn", one)
        second = asyncio.create_task(
            under_lease(two.connection, two.life, "irc:fmn", holding(order, "two", end), stop)
        )
        await asyncio.sleep(0)
        assert order == ["one"]
        end.set()
        await asyncio.gather(first, second)
    assert order == ["one", "two"]


async def test_who_is_told_to_stop_while_standing_by_ends_without_the_lease(join: Join) -> None:
    stop, order = asyncio.Event(), list[str]()
    async with join("sender") as one, asyncio.timeout(30):
        await one.connection.do("SET", keys.lease("irc:fmn"), "another")
        work = holding(order, "one", asyncio.Event())
        standing_by = asyncio.create_task(
            under_lease(one.connection, one.life, "irc:fmn", work, stop)
        )
        await asyncio.sleep(0)
        stop.set()
        await standing_by
    assert order == []


async def test_work_that_loses_its_lease_is_cancelled_and_begins_again_with_it(join: Join) -> None:
    stop, end, order = asyncio.Event(), asyncio.Event(), list[str]()
    async with join("sender") as one, asyncio.timeout(30):
        working = asyncio.create_task(
            under_lease(one.connection, one.life, "irc:fmn", holding(order, "begun", end), stop)
        )
        await until_held_by(one, "irc:fmn", one)
        await one.connection.do("SET", keys.lease("irc:fmn"), "another", "PX", 1500)
        await until_held_by(one, "irc:fmn", one)
        end.set()
        await working
    assert order == ["begun", "begun"]


async def test_a_pubsub_worker_that_lost_a_lease_does_not_listen_any_more(join: Join) -> None:
    stop = asyncio.Event()
    async with join("worker") as worker, asyncio.timeout(30):
        channels = PubsubChannels(worker.connection, worker.life)
        working = asyncio.create_task(channels.each(one_mail_each, stop))
        await until_listening(worker, [1, 1])
        await worker.connection.do("SET", keys.lease("channel:0"), "another")
        await until_listening(worker, [0, 1])
        stop.set()
        await working


async def test_a_cancellation_is_never_lost_in_a_command(join: Join) -> None:
    async with join("worker") as worker:

        async def work() -> None:
            while True:
                await worker.connection.do("PING")

        for turns in range(300):
            working = asyncio.create_task(work())
            for _ in range(turns % 7):
                await asyncio.sleep(0)
            working.cancel()
            assert (await asyncio.wait({working}, timeout=5))[1] == set()


async def test_commands_and_nudges_go_on_when_the_server_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    with redis_server(str(server()), folder) as url:
        leaving = connect(url)
        connection = await leaving.__aenter__()
        listening = nudges(connection)
        nudged = await listening.__aenter__()

    asking = asyncio.create_task(connection.do("SET", "asked", "while away"))
    with redis_server(str(server()), folder):
        async with asyncio.timeout(60):
            await asking
            while await connection.do("PUBSUB", "NUMSUB", keys.NUDGE) != [b"fmn:nudge", 1]:
                await nudged(0.1)
            listens = asyncio.create_task(nudged(50))
            await nudge(connection, 1)
            await listens
        await listening.__aexit__(None, None, None)
        await leaving.__aexit__(None, None, None)


async def test_a_pubsub_worker_listens_again_when_the_server_is_back(tmp_path: Path) -> None:
    folder, stop = tmp_path / "redis", asyncio.Event()
    with redis_server(str(server()), folder) as url:
        joined = member(url, "worker")
        worker = await joined.__aenter__()
        channels = PubsubChannels(worker.connection, worker.life)
        working = asyncio.create_task(channels.each(one_mail_each, stop))
        await asyncio.wait_for(until_listening(worker, [1, 1]), 20)
    async with asyncio.timeout(30):
        with capture_logs() as said:  # it is about to renew its leases when the server is back
            while not any(line["event"] == "waits for Redis" for line in said):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    # Meanwhile another took one of them, so there is something to say to the lost subscription.
    with redis_server(str(server()), folder, "elsewhere") as url:
        async with connect(url) as connection:
            await connection.do("SET", keys.lease("channel:0"), "another")
    with redis_server(str(server()), folder):
        await asyncio.wait_for(until_listening(worker, [0, 1]), 30)
        await worker.connection.do("DEL", keys.lease("channel:0"))
        await asyncio.wait_for(until_listening(worker, [1, 1]), 30)
        stop.set()
        await working
        await joined.__aexit__(None, None, None)


async def test_the_silence_of_others_means_nothing_before_our_own_signs_are_steady(
    join: Join,
) -> None:
    async with join("worker") as worker:
        assert not worker.life.knows_the_dead


async def test_a_nudge_wakes_who_waits_for_it(join: Join) -> None:
    async with (
        join("worker") as worker,
        join("web") as web,
        nudges(worker.connection) as nudged,
    ):
        waiting = asyncio.create_task(nudged(60))
        heard = [b"fmn:nudge", 1]
        async with asyncio.timeout(20):
            while await web.connection.do("PUBSUB", "NUMSUB", keys.NUDGE) != heard:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await nudge(web.connection, 7)
        await asyncio.wait_for(waiting, 20)


async def test_the_embedded_server_keeps_what_it_was_given(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url, connect(url) as connection:
        await connection.do("SET", "kept", "yes")
        assert await connection.do("CONFIG", "GET", "appendonly") == [b"appendonly", b"yes"]
    async with embedded(tmp_path) as url, connect(url) as connection:
        assert await connection.do("GET", "kept") == b"yes"


async def test_a_server_that_would_evict_is_refused(valkey: str) -> None:
    async with connect(valkey) as connection:
        await connection.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match="must be noeviction"):
        async with connect(valkey):
            pass


async def test_nobody_at_the_address_is_said_without_the_password() -> None:
    with pytest.raises(Unavailable) as away:
        async with connect("redis://:hunter2@127.0.0.1:1/0"):
            pass
    assert "hunter2" not in str(away.value)
    assert "127.0.0.1:1" in str(away.value)
