"""What the counts say: figures of every channel, for the ledger and the report."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fmn.queues import keys
from fmn.queues.connection import Connection

MOST = 1024
"""Channels."""
COUNT = re.compile(rb"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Figures:
    """One channel at one moment."""

    channel: int
    counts: Counter[str]
    """As the fenced scripts counted them: `taken`, `handled`, `sent email` …"""
    messages_waiting: int
    log_waiting: int
    waiting: dict[str, int]
    """Lane → notifications in it."""
    retrying: dict[str, int]
    """Lane → notifications that wait for their next attempt."""
    holding: int
    """Notifications in the lane `held`, on their way to SQL."""

    @property
    def held(self) -> int:
        """Notifications that are held: on their way to SQL, or there."""
        kept = (by for name, by in self.counts.items() if name.startswith("held "))
        return self.holding + sum(kept)


async def channels(connection: Connection) -> int | None:
    """Return N, or None where it was never set."""
    answer = await connection.do("GET", keys.CHANNELS)
    return number_of_channels(answer)


def number_of_channels(stood: bytes | None) -> int | None:
    """Return N as it stands in Redis; None where that is nothing, or no number of channels."""
    given = int(stood) if stood and COUNT.fullmatch(stood) else 0
    return given if 0 < given <= MOST else None


async def set_channels(connection: Connection, n: int) -> None:
    """Set N: within a second consumers pick below it, and everybody reads up to the most ever.

    How messages spread is counted anew from here: before, another pick was fair.
    """
    most = max(await most_channels(connection), n)
    await connection.all([("SET", keys.MOST_CHANNELS, most), ("SET", keys.CHANNELS, n)])
    for k in range(most):
        taken = await connection.do("HGET", keys.counts(k), "taken") or b"0"
        await connection.do("HSET", keys.counts(k), "taken before", _count(taken))


async def most_channels(connection: Connection) -> int:
    """Return the number of channels that may hold anything."""
    answers = await connection.all([("GET", keys.MOST_CHANNELS), ("GET", keys.CHANNELS)])
    return max(number_of_channels(answer) or 0 for answer in answers)


async def figures(connection: Connection) -> list[Figures]:
    """Return the figures of every channel, each of them of one moment."""
    return [await _figures(connection, k) for k in range(await most_channels(connection))]


async def _figures(connection: Connection, k: int) -> Figures:
    lanes: Sequence[str] = ()
    while True:  # again where a lane appeared between the two looks
        stand = await _look(connection, k, lanes)
        found = sorted(name[5:] for name in stand.counts if name.startswith("made "))
        if found == list(lanes):
            return stand
        lanes = found


async def _look(connection: Connection, k: int, lanes: Sequence[str]) -> Figures:
    streams = [key for kind in lanes for key in (keys.outbox(k, kind), keys.retry(k, kind))]
    fixed = [keys.counts(k), keys.channel(k), keys.log(k), keys.held(k)]
    flat, messages, log, holding, *pairs = await connection.run("waiting", [*fixed, *streams])
    pairs_of_counts = zip(flat[::2], flat[1::2], strict=True)
    counts = Counter({n.decode(errors="replace"): _count(by) for n, by in pairs_of_counts})
    waiting = dict(zip(lanes, pairs[::2], strict=True))
    retrying = dict(zip(lanes, pairs[1::2], strict=True))
    return Figures(k, counts, messages, log, waiting, retrying, holding)


def _count(stood: bytes) -> int:
    """Return a count; what somebody wrote there that is none counts for nothing."""
    return int(stood) if COUNT.fullmatch(stood) else 0
