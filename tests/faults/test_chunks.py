"""Chunks of a hundred recipients go on where they were, through kills and restarts."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from fmn.emission import Chunk, Outcome, State
from fmn.queues import keys
from fmn.queues.entries import DeadLetter, unpack_line
from tests.faults.conftest import Settings
from tests.faults.flow import hundred, put_in_lane
from tests.faults.watching import SENDERS, Watched, counts, lengths, pending, watched
from tests.peers import wait_until
from tests.peers.site import Site
from tests.peers.smtp import Smtp

FORTY_FIRST = "r40@example.org"


async def test_a_chunk_goes_on_with_the_recipient_at_whom_its_sender_was_killed(
    settings: Settings, valkey: str, redis: Any, smtp: Smtp, tmp_path: Path
) -> None:
    settings["senders.email"]["connections"] = 1
    site = Site(tmp_path, settings | {"queues": {"url": valkey}})
    smtp.contents[FORTY_FIRST] = "stall"
    chunk = hundred()
    with watched(site, "sender", "email") as victim:
        await put_in_lane(valkey, chunk)
        await asyncio.to_thread(wait_until, lambda: is_claimed(redis, chunk, 40), "the 41st")
        assert len(pending(redis, SENDERS, victim.name)) == 1
        assert len(smtp.mails) == 40
        victim.signal(signal.SIGKILL)
        victim.running.wait()
    smtp.contents.clear()
    with watched(site, "sender", "email"):
        await asyncio.to_thread(wait_until, lambda: settled(redis) == 100, "the rest")
    stand = counts(redis)
    assert (stand["sent email"], stand["doubt email"]) == (99, 1)
    received = Counter(mail.recipients[0] for mail in smtp.mails)
    assert received.pop(FORTY_FIRST) in {1, 2}
    assert received == {f"r{i}@example.org": 1 for i in range(100) if i != 40}


def is_claimed(redis: Any, chunk: Chunk, place: int) -> bool:
    (key,) = chunk.recipients[place].keys
    return bool(redis.exists(keys.claim(key)))


def settled(redis: Any) -> int:
    stand = counts(redis)
    return sum(stand[f"{state} email"] for state in ("sent", "doubt", "failed", "dead"))


async def test_attempts_go_on_counting_and_content_stays_shared_through_restarts(
    settings: Settings, valkey: str, redis: Any, smtp: Smtp, tmp_path: Path
) -> None:
    """All answered 451; the sender is killed while all of them wait for the next attempt."""
    settings["retry"] = {"attempts": 3, "first": "6s", "longest": "6s"}
    site = Site(tmp_path, settings | {"queues": {"url": valkey}})
    chunk = hundred()
    smtp.recipients = {one.address: "451 not now" for one in chunk.recipients}
    await put_in_lane(valkey, chunk)
    for attempt in (2, 3):
        with watched(site, "sender", "email") as sender:
            await asyncio.to_thread(wait_until, lambda: next_attempts(redis) == {attempt}, "retry")  # noqa: B023
            kill(sender)
        assert waiting(redis) == [len(chunk.recipients)]  # one chunk, all recipients
    with watched(site, "sender", "email"):
        await asyncio.to_thread(wait_until, lambda: settled(redis) == 100, "the last attempt")
    (_, fields), *more = redis.xrange(keys.dead(0))
    assert more == []
    letter = msgspec.msgpack.decode(fields[b"d"], type=DeadLetter)
    assert letter.tries == 3
    assert msgspec.msgpack.decode(letter.entry, type=Chunk).notifications == 100
    tried = [(State.RETRYING, 1), (State.RETRYING, 2), (State.DEAD, 3)]
    assert attempts(redis) == {one.keys[0]: tried for one in chunk.recipients}


def kill(process: Watched) -> None:
    process.signal(signal.SIGKILL)
    process.running.wait()


def retries(redis: Any) -> list[Chunk]:
    members = redis.zrange(keys.retry(0, "email"), 0, -1)
    return [msgspec.msgpack.decode(m.partition(b"\n")[2], type=Chunk) for m in members]


def next_attempts(redis: Any) -> set[int]:
    """Return which attempts come next, once nothing is under way."""
    return set() if lengths(redis)["lanes"] else {chunk.attempt for chunk in retries(redis)}


def waiting(redis: Any) -> list[int]:
    """Return the number of recipients of each chunk that waits for its next attempt."""
    return [len(chunk.recipients) for chunk in retries(redis)]


def attempts(redis: Any) -> dict[str, list[tuple[State, int]]]:
    """Return what became of each notification, and at which attempt, as the log says."""
    found: dict[str, list[tuple[State, int]]] = {}
    for _, fields in redis.xrange(keys.log(0)):
        line = unpack_line(fields[b"d"])
        assert isinstance(line, Outcome)
        found.setdefault(line.key, []).append((line.state, line.attempts))
    return found
