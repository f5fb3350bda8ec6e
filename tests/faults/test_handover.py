"""Who is told to stop leaves nothing behind, and the others go on at once; groups come back."""

import asyncio
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from fmn.queues import keys
from tests.factories import a_message
from tests.faults.conftest import Settings
from tests.faults.flow import flowing, hundred, put_in_lane, put_messages
from tests.faults.watching import (
    SENDERS,
    TOOK,
    WORKERS,
    Group,
    Watched,
    drained,
    frozen_with_entries,
    members,
    pending,
    subjects,
    totals,
    until,
    watched,
)
from tests.peers import wait_until
from tests.peers.site import Site
from tests.peers.smtp import Smtp


def stopped_at_work(redis: Any, process: Watched, group: Group) -> None:
    """Tell a process to stop while it has entries in hand; it ends with 0 and none are left."""
    name = process.name
    frozen_with_entries(redis, process, group)
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    assert process.running.wait(75) == 0
    assert pending(redis, group, name) == []
    wait_until(lambda: name not in members(redis, group), "a group without the name")


def test_a_worker_that_is_told_to_stop_hands_over(site: Site, redis: Any, valkey: str) -> None:
    with watched(site, "worker") as stays:
        with watched(site, "worker") as leaves, flowing(valkey, pause=0.01) as flow:
            stopped_at_work(redis, leaves, WORKERS)
        wait_until(lambda: totals(redis)["handled"] == flow.put, "the rest")
        assert stays.lines(TOOK) == []  # nobody's silence was waited for
    assert totals(redis)["made email"] == flow.put


async def test_a_sender_that_is_told_to_stop_hands_the_rest_of_its_chunk_over(
    settings: Settings, valkey: str, redis: Any, smtp: Smtp, tmp_path: Path
) -> None:
    smtp.pause = 0.05
    settings["senders.email"]["connections"] = 1
    site = Site(tmp_path, settings | {"queues": {"url": valkey}})
    with watched(site, "sender", "email") as one, watched(site, "sender", "email") as other:
        await put_in_lane(valkey, hundred())
        await until(lambda: len(smtp.mails) >= 3, "the first mails")
        by_name = {process.name: process for process in (one, other)}
        leaves = next(by_name[name] for name in by_name if pending(redis, SENDERS, name))
        stays = other if leaves is one else one
        await asyncio.to_thread(stopped_at_work, redis, leaves, SENDERS)
        await until(lambda: sent(redis) == 100, "the rest")
        assert stays.lines(TOOK) == []  # nobody's silence was waited for
        by_each = len(leaves.lines("sent")), len(stays.lines("sent"))
    assert sum(by_each) == 100
    assert min(by_each) > 0
    assert Counter(mail.recipients[0] for mail in smtp.mails) == {
        f"r{i}@example.org": 1 for i in range(100)
    }
    assert totals(redis)["doubt email"] == 0


def sent(redis: Any) -> int:
    return totals(redis)["sent email"]


@pytest.mark.parametrize("redis_url", ["valkey", "redis-server"], indirect=True)
async def test_streams_and_groups_that_are_deleted_under_running_processes_come_back(
    settings: Settings, redis_url: str, smtp: Smtp, tmp_path: Path
) -> None:
    """An operator's slip: what comes after it is handled."""
    site = Site(tmp_path, settings | {"queues": {"url": redis_url}})
    with (
        watched(site, "worker"),
        watched(site, "sender", "email"),
        watched(site, "recorder"),
        Redis.from_url(redis_url) as redis,
    ):
        for slip in (nothing, destroy_groups, delete_streams):
            slip(redis)  # while everybody waits
            before = await put_some(redis_url, f"before {slip.__name__}")
            slip(redis)
            after = await put_some(redis_url, f"after {slip.__name__}")
            # What stood in a stream that somebody deleted is gone, and no other.
            wanted = after if slip is delete_streams else before | after
            arrived = partial(subjects_contain, smtp, wanted)
            await asyncio.to_thread(wait_until, arrived, f"all after {slip.__name__}")
            await asyncio.to_thread(wait_until, partial(drained, redis), "all to be idle")
    assert set(subjects(smtp.mails).values()) == {1}


async def put_some(url: str, name: str) -> set[str]:
    words = {f"{name} {i}" for i in range(50)}
    await put_messages(url, *(a_message(word, summary=word) for word in words))
    return words


def subjects_contain(smtp: Smtp, wanted: set[str]) -> bool:
    return wanted <= set(subjects(smtp.mails))


def nothing(redis: Any) -> None:
    pass


def destroy_groups(redis: Any) -> None:
    for k in range(4):
        for group in (WORKERS, SENDERS):
            if redis.exists(group.stream(k)):
                redis.xgroup_destroy(group.stream(k), group.name)
        if redis.exists(keys.log(k)):
            redis.xgroup_destroy(keys.log(k), "recorders")


def delete_streams(redis: Any) -> None:
    for k in range(4):
        redis.delete(keys.channel(k), keys.outbox(k, "email"), keys.log(k))
