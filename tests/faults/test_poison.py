"""What kills its process is a dead letter in the end; what only stood beside it is handled."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import msgspec

from fmn.emission import Chunk
from fmn.model import Message
from fmn.queues import keys
from fmn.queues.entries import DeadLetter
from tests.factories import a_chunk, a_message, a_recipient
from tests.faults.conftest import Settings
from tests.faults.flow import flowing, hundred, put_in_lane, put_messages
from tests.faults.supervised import Supervised, supervised
from tests.faults.watching import WORKERS, counts, lengths, report, totals
from tests.peers import wait_until
from tests.peers.site import Site

DEATHS = 3
"""Alone in hand; before that it may have killed its process once, in a batch."""


def letters(redis: Any) -> list[DeadLetter]:
    found = [entry for k in range(4) for entry in redis.xrange(keys.dead(k))]
    return [msgspec.msgpack.decode(fields[b"d"], type=DeadLetter) for _, fields in found]


async def test_a_message_that_kills_its_workers_is_a_dead_letter_and_its_neighbours_are_handled(
    site: Site, valkey: str, redis: Any
) -> None:
    batch = [a_message(f"m-{i}", summary=f"m-{i}", text="") for i in range(99)]
    batch.insert(40, a_message("m-deadly", text="kill"))
    await put_messages(valkey, *batch)
    with supervised(site, "worker", places=2) as workers:
        await asyncio.to_thread(
            wait_until, lambda: lengths(redis)["channels"] == 0, "all", patience=120
        )
    deaths = sum(len(one.deaths) for one in workers)
    report("poison of workers", deaths=deaths)
    (letter,) = letters(redis)
    assert msgspec.msgpack.decode(letter.entry, type=Message).id == "m-deadly"
    assert f"died {DEATHS} times with this message alone in hand" in letter.why
    assert DEATHS <= deaths <= DEATHS + 1
    stand = totals(redis)
    assert (stand["taken"], stand["handled"], stand["dead"]) == (100, 99, 1)
    assert stand["made email"] == 99


async def test_a_recipient_that_kills_its_senders_is_a_dead_letter_and_the_others_are_sent(
    settings: Settings, valkey: str, redis: Any, tmp_path: Path
) -> None:
    into = tmp_path / "sent"
    more: Settings = {"queues": {"url": valkey}, "senders.trap": {"into": str(into)}}
    site = Site(tmp_path, settings | more)
    chunk = hundred("trap")
    deadly = a_recipient(destination="d-deadly", address="kill")
    await put_in_lane(valkey, with_recipient(chunk, deadly, at=40))
    with supervised(site, "sender", "trap", places=2) as senders:
        await asyncio.to_thread(wait_until, lambda: all_settled(redis, 101), "all", patience=150)
    deaths = sum(len(one.deaths) for one in senders)
    sent = into.read_text().splitlines()
    report("poison of senders", deaths=deaths, sent=len(sent))
    (letter,) = letters(redis)
    (dead,) = msgspec.msgpack.decode(letter.entry, type=Chunk).recipients
    assert dead.address == "kill"
    assert f"died {DEATHS} times" in letter.why
    stand = counts(redis)
    assert (stand["dead trap"], stand["sent trap"] + stand["doubt trap"]) == (1, 100)
    assert set(sent) == {key for one in chunk.recipients for key in one.keys}
    assert len(sent) - 100 <= stand["doubt trap"]


def with_recipient(chunk: Chunk, one: Any, at: int) -> Chunk:
    to = [*chunk.recipients[:at], one, *chunk.recipients[at:]]
    return a_chunk(*to, content=chunk.content)


def all_settled(redis: Any, n: int) -> bool:
    stand = counts(redis)
    return stand["dead trap"] + stand["sent trap"] + stand["doubt trap"] == n


def test_twenty_random_kills_of_workers_make_no_dead_letter(
    site: Site, valkey: str, redis: Any
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    report("random kills", seed=seed)
    picked = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
    with supervised(site, "worker", places=3) as workers:
        with flowing(valkey, most_waiting=100, many=20, text="sleep 0.005") as flow:
            in_hand = [one_killed(redis, picked, workers) for _ in range(20)]
        wait_until(lambda: totals(redis)["handled"] == flow.put, "all", patience=120)
    report("random kills", messages=flow.put, in_hand=in_hand)
    assert sum(len(one.deaths) for one in workers) == 20
    assert sum(in_hand) > 0
    stand = totals(redis)
    assert (stand["taken"], stand["handled"], stand["made email"]) == (flow.put,) * 3
    assert letters(redis) == []


def one_killed(redis: Any, picked: random.Random, workers: list[Supervised]) -> int:
    """Kill one that is at work, after a moment; return how many entries it had in hand."""
    wait_until(lambda: at_work(redis, workers), "a worker that works")
    time.sleep(picked.uniform(0, 0.3))  # the moment is the seed's
    return picked.choice(at_work(redis, workers)).killed(redis, WORKERS)


def at_work(redis: Any, workers: list[Supervised]) -> list[Supervised]:
    """Return those whose present process has handled something."""
    stand = counts(redis)
    return [one for one in workers if one.is_up and stand[f"worker {one.names[-1]} messages"]]
