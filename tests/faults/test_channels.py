"""The number of channels changes under load; in mode pubsub a worker dies."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fmn.emission import Chunk
from fmn.queues import keys
from fmn.queues.pubsub import PubsubIntake
from tests.factories import a_message
from tests.faults.conftest import Settings
from tests.faults.watching import counts, report, watched
from tests.peers import wait_until
from tests.peers.rabbitmq import RabbitMQ
from tests.peers.site import Site
from tests.queues.conftest import member

MOST = 6


def taken(redis: Any) -> list[int]:
    return [int(redis.hget(keys.counts(k), "taken") or 0) for k in range(MOST)]


def emitted(redis: Any) -> Counter[str]:
    """Return how often each notification stands in the lanes."""
    found: Counter[str] = Counter()
    for k in range(MOST):
        for _, fields in redis.xrange(keys.outbox(k, "email")):
            chunk = msgspec.msgpack.decode(fields[b"d"], type=Chunk)
            found.update(key for one in chunk.recipients for key in one.keys)
    return found


@dataclass
class Published:
    """Messages on the bus, as `fmn publish` puts them there, again and again."""

    site: Site
    count: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._over.is_set():
            many = range(self.count, self.count + 500)
            lines = [json.dumps({"id": f"m-{i}", "topic": "a.b", "summary": "s"}) for i in many]
            given = "\n".join(lines)
            self.count += int(self.site.run("publish", "-", given=given))

    @classmethod
    @contextmanager
    def to(cls, site: Site) -> Iterator["Published"]:
        published = cls(site)
        thread = threading.Thread(target=published.run)
        thread.start()
        try:
            yield published
        finally:
            published._over.set()
            thread.join()


def test_channels_come_and_go_under_load_and_nothing_is_lost(
    rabbitmq: RabbitMQ, settings: Settings, valkey: str, redis: Any, tmp_path: Path
) -> None:
    more: Settings = {
        "queues": {"url": valkey, "channels": 2},
        "bus": {"url": rabbitmq.url, "queue": f"fmn-{tmp_path.name}"},
    }
    site = Site(tmp_path, settings | more)
    with ExitStack() as stack:
        for verb in ("consumer", "consumer", "worker", "worker"):
            stack.enter_context(watched(site, verb))
        with Published.to(site) as published:
            wait_until(lambda: sum(taken(redis)) > 0, "the first")
            assert taken(redis)[2:] == [0] * 4
            site.run("channels", "6")
            wait_until(lambda: all(taken(redis)), "messages on each of six channels")
            site.run("channels", "1")
            wait_until(lambda: only_the_first_grows(redis), "messages on one channel only")
        n = published.count
        wait_until(lambda: sum(taken(redis)) >= n, "all to be taken")
        wait_until(lambda: all(redis.xlen(keys.channel(k)) == 0 for k in range(MOST)), "all")
    report("changed N", messages=n, taken=taken(redis))
    assert sum(taken(redis)) == n
    stand = counts(redis, MOST)
    assert (stand["handled"], stand["made email"], stand["dead"]) == (n, n, 0)
    assert set(emitted(redis).values()) == {1}
    assert len(emitted(redis)) == n
    assert site.ledger()["messages"]["residual"] == 0


def only_the_first_grows(redis: Any) -> bool:
    before = taken(redis)
    wait_until(lambda: taken(redis)[0] >= before[0] + 100, "a hundred more on the first channel")
    return taken(redis)[1:] == before[1:]


async def test_what_nobody_heard_in_mode_pubsub_stands_in_the_ledger(
    settings: Settings, valkey: str, redis: Any, tmp_path: Path
) -> None:
    site = Site(tmp_path, settings | {"queues": {"url": valkey, "mode": "pubsub"}})
    with watched(site, "worker") as stays, ExitStack() as until_killed:
        killed = until_killed.enter_context(watched(site, "worker"))
        names = {stays.name, killed.name}
        await asyncio.to_thread(wait_until, lambda: holders(redis) == names, "two holders")
        async with member(valkey, "consumer", 4) as consumer:
            intake = PubsubIntake(consumer.connection, consumer.life)
            await publish(intake, "both", 200)
            await asyncio.to_thread(wait_until, lambda: has(redis, "both", 200), "both to hear")
            killed.running.kill()
            killed.running.wait()
            await publish(intake, "one", 200)
            await asyncio.to_thread(wait_until, lambda: holders(redis) == {stays.name}, "one")
            await asyncio.to_thread(wait_until, lambda: listeners(redis) == [1] * 4, "one each")
            await publish(intake, "last", 200)
            await asyncio.to_thread(wait_until, lambda: has(redis, "last", 200), "the last")
    ledger = site.ledger()["messages"]
    report("pubsub", ledger=ledger)
    assert ledger["taken"] == 600
    assert ledger["lost"] == 200 - len(heard_of(redis, "one")) > 0
    assert ledger["handled"] + ledger["lost"] == ledger["taken"]
    assert ledger["residual"] == 0
    assert set(emitted(redis).values()) == {1}


async def publish(intake: PubsubIntake, name: str, many: int) -> None:
    await intake.put([a_message(f"{name}-{i}") for i in range(many)])


def heard_of(redis: Any, name: str) -> list[str]:
    return [key for key in emitted(redis) if key.startswith(f"{name}-")]


def has(redis: Any, name: str, many: int) -> bool:
    return len(heard_of(redis, name)) == many


def holders(redis: Any) -> set[str]:
    """Return who holds the leases of channels."""
    found = [redis.get(keys.lease(f"channel:{k}")) for k in range(4)]
    return {holder.decode() if holder else "nobody" for holder in found}


def listeners(redis: Any) -> list[int]:
    """Return how many listen to each channel: never may there be two."""
    return [int(n) for _, n in redis.pubsub_numsub(*(keys.channel(k) for k in range(4)))]
