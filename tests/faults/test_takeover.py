"""A process that dies, or sleeps too long, with entries in hand: a living like takes them over."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmn.queues import keys
from fmn.queues.life import SILENCE
from tests.faults.flow import flowing
from tests.faults.watching import (
    RECORDERS,
    SENDERS,
    WORKERS,
    Group,
    Watched,
    counts,
    drained,
    frozen_with_entries,
    lengths,
    report,
    subjects,
    totals,
    wait_until_steady,
    watched,
)
from tests.peers import wait_until
from tests.peers.site import Site
from tests.peers.smtp import Smtp

LONG = float(os.environ.get("FMN_TEST_AWAY", "0")) >= 30
"""Only the long form, on a quiet machine, holds anybody to seconds."""


@dataclass(frozen=True)
class Pair:
    """Two of a kind: what the first has in hand the second shall take over."""

    group: Group
    victim: Watched
    heir: Watched


@contextmanager
def pairs(site: Site) -> Iterator[list[Pair]]:
    kinds = [(("worker",), WORKERS), (("sender", "email"), SENDERS), (("recorder",), RECORDERS)]
    with ExitStack() as stack:
        both = [
            Pair(group, *(stack.enter_context(watched(site, *verb)) for _ in range(2)))
            for verb, group in kinds
        ]
        wait_until_steady(*(p for pair in both for p in (pair.victim, pair.heir)))
        yield both


def frozen_at_work(
    pairs: Sequence[Pair], redis: Any, url: str, database: Path, *, last: signal.Signals
) -> tuple[int, dict[str, int], dict[str, float]]:
    """Give each victim the signal while it has entries in hand.

    Return how many messages there were, how many entries each had, and when it was.
    """
    held, when = dict[str, int](), dict[str, float]()
    with flowing(url, pause=0.01, many=30) as flow:
        for pair in pairs:
            entries = frozen_with_entries(redis, pair.victim, pair.group, database)
            held[pair.group.name] = len(entries)
            when[pair.group.name] = time.time()
            if last != signal.SIGSTOP:
                pair.victim.signal(last)
    return flow.put, held, when


def takeovers(pairs: Sequence[Pair], when: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Return, for each group, after how many seconds the first and the last were taken over."""
    seconds = {
        pair.group.name: [at - when[pair.group.name] for at in pair.heir.takeovers()]
        for pair in pairs
    }
    return {name: (min(took), max(took)) for name, took in seconds.items()}


def test_what_a_killed_process_had_in_hand_is_taken_over(
    site: Site, redis: Any, valkey: str, smtp: Smtp
) -> None:
    """A worker, a sender and a recorder, each killed with entries in hand."""
    smtp.pause = 0.02
    with pairs(site) as both:
        n, held, when = frozen_at_work(
            both, redis, valkey, site.folder / "fmn.db", last=signal.SIGKILL
        )
        wait_until(lambda: totals(redis)["handled"] == n and drained(redis), "all of it")
        took = takeovers(both, when)
        taken = {pair.group.name: len(pair.heir.takeovers()) for pair in both}
    report("killed", messages=n, in_hand=held, taken_over_after=took)
    assert all(held.values())
    assert taken == held
    assert_each_arrived_once(redis, smtp, n)
    if LONG:
        assert max(last for _, last in took.values()) < 10


def assert_each_arrived_once(redis: Any, smtp: Smtp, n: int) -> None:
    """Nothing lost; what came twice is counted in doubt; the recorder kept a line for each."""
    stand = totals(redis)
    received = subjects(smtp.mails)
    assert (stand["taken"], stand["handled"], stand["made email"]) == (n, n, n)
    assert stand["sent email"] + stand["doubt email"] == n
    assert set(received) == {f"m-{i}" for i in range(n)}
    assert received.total() - n <= stand["doubt email"]
    assert (stand["dead"], lengths(redis)["dead"]) == (0, 0)
    assert stand["recorded"] == 2 * n


def test_who_slept_too_long_is_robbed_and_emits_nothing_when_it_wakes(
    site: Site, redis: Any, valkey: str, smtp: Smtp
) -> None:
    smtp.pause = 0.02
    with pairs(site) as both:
        n, held, when = frozen_at_work(
            both, redis, valkey, site.folder / "fmn.db", last=signal.SIGSTOP
        )
        wait_until(lambda: totals(redis)["handled"] == n and drained(redis), "the others")
        asleep = counts(redis), lengths(redis), subjects(smtp.mails)
        took = takeovers(both, when)
        for pair in both:
            assert silence_of(redis, pair.victim) > SILENCE
            pair.victim.signal(signal.SIGCONT)
        wait_until(lambda: all(silence_of(redis, p.victim) <= 1 for p in both), "a sign of life")
    # Each has drained and ended with 0: all that it had in hand is behind it.
    awake = counts(redis), lengths(redis), subjects(smtp.mails)
    report("stopped", messages=n, in_hand=held, taken_over_after=took)
    assert all(held.values())
    assert awake[:2] == asleep[:2]
    again = awake[2] - asleep[2]
    report("woken", mails_once_more=again.total())
    assert again.total() <= totals(redis)["doubt email"]
    assert_each_arrived_once(redis, smtp, n)


def silence_of(redis: Any, process: Watched) -> float:
    return float(redis.time()[0] - redis.zscore(keys.alive(0), process.name))
