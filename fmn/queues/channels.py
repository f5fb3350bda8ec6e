"""Channels: the queue of messages between consumers and workers, mode `streams`."""

import asyncio
import random
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from fmn.emission import Emission, LogLine, Outcome, State
from fmn.model import Message, Origin, Undecodable
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import DeadLetter, Step, UnreadableEntry, Write, arguments, pack, unpack
from fmn.queues.life import Life
from fmn.queues.reader import DEADLY, Entry, Reader
from fmn.queues.waits import bucket_of

Judge = Callable[[Message, Origin], Emission]
"""What a worker makes of a message."""

_log = structlog.get_logger()


class Intake:
    """Where a consumer puts messages: each on one of N channels, picked at random."""

    def __init__(self, connection: Connection, life: Life) -> None:
        self._connection = connection
        self._life = life
        self._pick = random.SystemRandom().randrange

    async def put(self, arrivals: Sequence[Message | Undecodable]) -> None:
        """Put each on a channel; return once the server has them all."""
        dealt: dict[int, list[Step]] = defaultdict(list)
        for arrival in arrivals:
            k = self._pick(self._life.crew.channels)
            dealt[k].append(self._step(k, arrival))
        for k, steps in dealt.items():
            await emit(self._connection, k, steps)

    def _step(self, k: int, arrival: Message | Undecodable) -> Step:
        if isinstance(arrival, Message):
            return Step("", (Write(keys.channel(k), pack(arrival)),), {"taken": 1})
        letter = DeadLetter(
            "undecodable", self._life.name, arrival.reason, 1, datetime.now(UTC), arrival.head
        )
        _log.warning("cannot decode a message", why=arrival.reason)
        return Step("", (Write(keys.dead(k), pack(letter)),), {"undecodable": 1})


async def emit(connection: Connection, k: int, steps: list[Step]) -> None:
    """Do steps that have no input to acknowledge, in one unit."""
    outputs, told = arguments(steps)
    fixed = [keys.channel(k), keys.counts(k), keys.suspects(k)]
    await connection.run("step", [*fixed, *outputs], "", *told)


class Channels:
    """What a worker reads: messages, each left behind together with all that was made of it."""

    def __init__(self, connection: Connection, life: Life, *, batch: int) -> None:
        self._reader = Reader(connection, life, "workers", keys.channel)
        self._life = life
        self._batch = batch

    async def each(self, judge: Judge, stop: asyncio.Event) -> None:
        """Give every message to `judge` until told to stop; emit what it makes of them.

        A message that cannot be judged becomes a dead letter and costs the others nothing.
        """
        async for batch in self._reader.batches(self._batch, stop):
            helped = batch.channel not in self._life.home
            steps = [
                step_for(batch.channel, entry, judge, worker=self._life.name, helped=helped)
                for entry in batch.entries
            ]
            await self._reader.finish(batch.channel, steps)
            await asyncio.sleep(0)  # a full channel must not keep the rest of the process waiting


def step_for(k: int, entry: Entry, judge: Judge, *, worker: str, helped: bool) -> Step:
    """Return what becomes of a message: what is made of it, or a dead letter that says why not."""
    started = time.time()
    try:
        emission = _judged(k, entry, judge)
    except Exception as failed:  # noqa: BLE001  # whatever it is, the next message goes on
        _log.exception("gave a message up", channel=k, entry=entry.id)
        why = "".join(traceback.format_exception_only(failed)).strip()
        letter = DeadLetter("message", worker, why, entry.tries + 1, datetime.now(UTC), entry.value)
        return Step(entry.id, (Write(keys.dead(k), pack(letter)),), {"dead": 1})
    effort = _effort(entry, started, worker=worker, helped=helped)
    return Step(entry.id, writes_of(k, emission), counts_of(emission) + effort)


def _judged(k: int, entry: Entry, judge: Judge) -> Emission:
    if entry.poison:
        raise UnreadableEntry(f"its worker died {DEADLY} times with this message alone in hand")
    return judge(unpack(entry.value, Message), Origin(f"{k}/{entry.id}"))


def _effort(entry: Entry, started: float, *, worker: str, helped: bool) -> Counter[str]:
    arrived = int(entry.id.partition("-")[0]) / 1000
    return Counter(
        {
            f"worker {worker} messages": 1,
            f"worker {worker} busy": round((time.time() - started) * 1e6),
            f"worker {worker} helped": int(helped),
            f"wait {worker} {bucket_of(max(0.0, started - arrived))}": 1,
        }
    )


def writes_of(k: int, emission: Emission) -> tuple[Write, ...]:
    """Return where each part of an emission goes: chunks into their lanes, lines into the log."""
    lanes = [
        Write(keys.outbox(k, c.content.kind), pack(c), c.notifications) for c in emission.chunks
    ]
    return (*lanes, *log_writes(k, emission.log))


def log_writes(k: int, lines: Sequence[LogLine]) -> tuple[Write, ...]:
    """Return these lines as writes to the log of a channel."""
    return tuple(Write(keys.log(k), pack(line)) for line in lines)


def counts_of(emission: Emission) -> Counter[str]:
    """Return what the ledger counts of an emission: made, by lane; suppressed, by reason."""
    counts: Counter[str] = Counter(handled=1)
    for chunk in emission.chunks:
        counts[f"made {chunk.content.kind}"] += chunk.notifications
    for line in emission.log:
        if isinstance(line, Outcome) and line.state is State.SUPPRESSED:
            counts[f"made {line.kind}"] += 1
            counts[f"suppressed {line.kind} {line.reason}"] += 1
    return counts
