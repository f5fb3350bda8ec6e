"""What is full holds back who fills it, never who empties it; a dead lane stops no other."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from fmn.queues import keys
from tests.faults.conftest import EVERYTHING, Settings
from tests.faults.flow import flowing
from tests.faults.services import published
from tests.faults.watching import (
    Watched,
    drained,
    lengths,
    report,
    subjects,
    totals,
    until,
    watched,
)
from tests.peers import wait_until
from tests.peers.rabbitmq import RabbitMQ
from tests.peers.site import Site
from tests.peers.smtp import Smtp

LIMIT = 16 * 1024 * 1024
"""Bytes the queues may use."""
TEXT = "x" * 20_000


async def test_with_the_recorder_stopped_the_marks_hold_and_senders_go_on(
    rabbitmq: RabbitMQ, here: Settings, redis: Any, smtp: Smtp, tmp_path: Path
) -> None:
    queue = f"fmn-{tmp_path.name}"
    here["queues"]["batch"] = 20
    here["bus"] = {"url": rabbitmq.url, "queue": queue, "prefetch": 20}
    site = Site(tmp_path, here)
    redis.config_set("maxmemory", LIMIT)
    names, most = list[str](), 0
    with ExitStack() as stack:
        consumer = stack.enter_context(watched(site, "consumer"))
        stack.enter_context(watched(site, "worker"))
        stack.enter_context(watched(site, "sender", "email"))
        while not (is_held(consumer) and senders_and_workers_are_done(redis)):
            if not is_held(consumer):
                some = [f"m-{i}" for i in range(len(names), len(names) + 50)]
                await published(rabbitmq.url, queue, some, text=TEXT)
                names += some
            most = max(most, used(redis))
        # Published on: all of it stays on the bus.
        late = [f"late-{i}" for i in range(50)]
        await published(rabbitmq.url, queue, late, text=TEXT)
        names += late
        on_the_bus = rabbitmq.control("list_queues", "--quiet", "name", "messages")
        before, most = totals(redis)["taken"], max(most, used(redis))
        assert f"{queue}\t{len(names) - before}" in on_the_bus
        assert len(names) > before  # a last batch may go through, as memory is freed
        assert subjects(smtp.mails).total() == before
        stack.enter_context(watched(site, "recorder"))
        await until(lambda: set(subjects(smtp.mails)) == set(names) and drained(redis), "all", 120)
    report("marks", limit=LIMIT, most_used=most, taken_when_held=before, published=len(names))
    assert most < LIMIT
    assert set(subjects(smtp.mails).values()) == {1}
    stand = totals(redis)
    assert stand["taken"] == stand["handled"] == stand["sent email"] == len(names)


def is_held(process: Watched) -> bool:
    return len(process.lines("holds back")) > len(process.lines("goes on"))


def senders_and_workers_are_done(redis: Any) -> bool:
    waiting = lengths(redis)
    return waiting["channels"] == waiting["lanes"] == 0


def used(redis: Any) -> int:
    return int(redis.info("memory")["used_memory"])


def test_a_dead_lane_delays_no_other(
    here: Settings, redis: Any, valkey: str, smtp: Smtp, tmp_path: Path
) -> None:
    """Each message goes by mail and by a kind whose sender is not there in the second half."""
    here["senders.trap"] = {"into": str(tmp_path / "sent")}
    site = Site(tmp_path, here)
    site.run("rules", "import", "alice", "-", "--yes", "--confirmed", given=yaml.safe_dump(BOTH))
    with watched(site, "worker"), watched(site, "sender", "email") as mail:
        with watched(site, "sender", "trap"):
            alive = waits(valkey, mail, "alive", smtp)
            wait_until(lambda: lane(redis) == 0, "the other lane")
        dead = waits(valkey, mail, "dead", smtp)
    assert lane(redis) == len(dead)
    assert set(subjects(smtp.mails).values()) == {1}
    both = {"alive": percentile(alive), "dead": percentile(dead)}
    report("p99 from taken to sent by mail, the other lane being", **both)


BOTH = EVERYTHING | {
    "destinations": EVERYTHING["destinations"] | {"trap": {"kind": "trap", "address": "bob"}},
    "rules": [{"name": "All", "everything": True, "destinations": ["email", "trap"]}],
}


def lane(redis: Any) -> int:
    return sum(redis.xlen(keys.outbox(k, "trap")) for k in range(4))


def waits(url: str, mail: Watched, name: str, smtp: Smtp) -> list[float]:
    """Let messages flow; return the seconds from put to sent of each."""
    with flowing(url, name=name, many=5, pause=0.05) as flow:
        wait_until(lambda: flow.put >= 300, "300 messages")
    wait_until(lambda: flow.times.keys() <= subjects(smtp.mails).keys(), "all to be sent")
    sent = {said["keys"][0].rpartition(":")[0]: said["timestamp"] for said in mail.lines("sent")}
    at = {name: datetime.fromisoformat(sent[name]).timestamp() for name in flow.times}
    return [at[name] - put for name, put in flow.times.items()]


def percentile(waits: Sequence[float]) -> float:
    """Return the 99th, by nearest rank, in milliseconds."""
    return round(sorted(waits)[math.ceil(0.99 * len(waits)) - 1] * 1000, 1)
