"""A running process seen from outside: by its log lines, its health, the queues and the kernel."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import structlog

from fmn.queues import keys
from fmn.queues.life import GRACE
from tests.peers import wait_until
from tests.peers.site import Site
from tests.peers.smtp import Mail

SUBJECT = re.compile(rb"^Subject: (.+?)\r$", re.MULTILINE)
Stream = Callable[[int], str]

CHANNELS = 4
TOOK = "took an entry over"
"""What a process says of an entry of a dead one."""


@dataclass(frozen=True)
class Group:
    """Where processes of a kind read: a stream on each channel, as a group."""

    name: str
    stream: Stream


WORKERS = Group("workers", keys.channel)
SENDERS = Group("senders", lambda k: keys.outbox(k, "email"))
RECORDERS = Group("recorders", keys.log)


@dataclass(frozen=True)
class Watched:
    """One process of a site."""

    running: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines of this event."""
        read = [line for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [said for said in map(json.loads, read) if said["event"] == event]

    @property
    def name(self) -> str:
        """What it is called at the queues."""
        return str(self.lines("Redis is there")[0]["process"])

    def health(self, path: str) -> tuple[int, dict[str, bool]]:
        """Return status and checks, as `healthz` or `readyz` answers."""
        at = self.lines("started")[0]["health"].replace("healthz", path)
        try:
            with urlopen(at, timeout=10) as answer:  # noqa: S310  # our own process on loopback
                return answer.status, json.load(answer)["checks"]
        except HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)["checks"]

    @property
    def cpu(self) -> float:
        """Seconds of a core it has used so far."""
        stat = Path(f"/proc/{self.running.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    def takeovers(self) -> list[float]:
        """Return when it took entries over, by the clock the server has, too."""
        return [datetime.fromisoformat(said["timestamp"]).timestamp() for said in self.lines(TOOK)]


async def until(true: Callable[[], object], what: str, patience: float = 60) -> None:
    """Wait beside what else goes on here, as `wait_until` does."""
    await asyncio.to_thread(wait_until, true, what, patience)


def report(what: str, **figures: object) -> None:
    """Say what was measured: figures gate nothing."""
    structlog.get_logger().info(what, **figures)


@contextmanager
def watched(site: Site, *verb: str, joins: bool = True) -> Iterator[Watched]:
    """Run a process until the block ends; it has joined the others at the queues, if it does."""
    with site.process(*verb) as running:
        process = Watched(running, Path(f"/proc/{running.pid}/fd/2").readlink())
        if joins:
            wait_until(lambda: process.lines("Redis is there"), f"{verb} at the queues")
        yield process


def wait_until_steady(*processes: Watched) -> None:
    """Return once the silence of others means something to each of these."""
    joined = [datetime.fromisoformat(p.lines("Redis is there")[-1]["timestamp"]) for p in processes]
    steady = max(at.timestamp() for at in joined) + GRACE
    wait_until(lambda: time.time() > steady, "steady processes")


def pending(redis: Any, group: Group, name: str, channels: int = CHANNELS) -> list[bytes]:
    """Return the ids of the entries somebody has in hand."""
    found: list[bytes] = []
    for k in range(channels):
        if redis.exists(group.stream(k)) and redis.xinfo_groups(group.stream(k)):
            listed = redis.xpending_range(group.stream(k), group.name, "-", "+", 10_000, name)
            found += [one["message_id"] for one in listed]
    return found


def members(redis: Any, group: Group) -> set[str]:
    """Return the names in a group, over all channels."""
    there = [group.stream(k) for k in range(CHANNELS) if redis.exists(group.stream(k))]
    return {one["name"].decode() for at in there for one in redis.xinfo_consumers(at, group.name)}


def is_unlocked(database: Path) -> bool:
    """Tell whether nobody writes: nobody could relieve one who sleeps with SQLite's lock."""
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def frozen_with_entries(
    redis: Any, process: Watched, group: Group, database: Path | None = None
) -> list[bytes]:
    """Stop a process at a moment when it has entries in hand, and no lock of a database file.

    Return which entries.
    """
    end = time.monotonic() + 60
    while time.monotonic() < end:
        process.signal(signal.SIGSTOP)
        if pending(redis, group, process.name):
            time.sleep(0.05)  # what it had told the server before may still change that
            held = pending(redis, group, process.name)
            if held and (database is None or is_unlocked(database)):
                return held
        process.signal(signal.SIGCONT)
        time.sleep(0.002)
    raise AssertionError(f"{process.name} had nothing in hand for 60 s")


def counts(redis: Any, channels: int = CHANNELS) -> Counter[str]:
    """Return what all channels counted."""
    found: Counter[str] = Counter()
    for k in range(channels):
        found.update({n.decode(): int(by) for n, by in redis.hgetall(keys.counts(k)).items()})
    return found


def totals(redis: Any, channels: int = CHANNELS) -> dict[str, int]:
    """Return the sums of the ledger, whatever lane they are of."""
    found = counts(redis, channels)
    words = ("taken", "handled", "dead", "made email", "sent email", "doubt email", "recorded")
    return {word: found[word] for word in words}


def lengths(redis: Any, channels: int = CHANNELS) -> dict[str, int]:
    """Return how much waits: messages, chunks, retries, lines of the log, dead letters."""
    each = range(channels)
    return {
        "channels": sum(redis.xlen(keys.channel(k)) for k in each),
        "lanes": sum(redis.xlen(keys.outbox(k, "email")) for k in each),
        "retries": sum(redis.zcard(keys.retry(k, "email")) for k in each),
        "log": sum(redis.xlen(keys.log(k)) for k in each),
        "dead": sum(redis.xlen(keys.dead(k)) for k in each),
    }


def drained(redis: Any, channels: int = CHANNELS) -> bool:
    """Tell whether nothing waits anywhere."""
    waiting = lengths(redis, channels)
    return waiting["channels"] == waiting["lanes"] == waiting["retries"] == waiting["log"] == 0


def subjects(mails: Sequence[Mail]) -> Counter[str]:
    """Return how many mails came of each subject."""
    found = (SUBJECT.search(mail.raw) for mail in tuple(mails))
    return Counter(match[1].decode() for match in found if match)
