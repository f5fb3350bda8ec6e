"""Channels: the queue of messages between consumers and workers, mode `streams`."""

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

import structlog

from fmn.emission import Emission
from fmn.model import Message, Origin
from fmn.queues import keys
from fmn.queues.appetite import Appetite
from fmn.queues.connection import Connection
from fmn.queues.emitting import in_parts
from fmn.queues.entries import DeadLetter, Step, UnreadableEntry, Write, pack, unpack
from fmn.queues.life import Life
from fmn.queues.marks import Room, unbounded
from fmn.queues.reader import DEADLY, Entry, Reader
from fmn.queues.waits import bucket_of

Judge = Callable[[Message, Origin], Emission]
"""What a worker makes of a message."""

_log = structlog.get_logger()


class Channels:
    """What a worker reads: messages, each left behind together with all that was made of it."""

    def __init__(
        self,
        connection: Connection,
        life: Life,
        *,
        batch: int,
        room: Room = unbounded,
        lane_mark: int | None = None,
    ) -> None:
        self._reader = Reader(connection, life, "workers", keys.channel)
        self._life = life
        self._room = room
        self._appetite = Appetite(batch)
        self._lane_mark = lane_mark

    async def each(self, judge: Judge, stop: asyncio.Event) -> None:
        """Give every message to `judge` until told to stop; emit what it makes of them.

        A message that cannot be judged becomes a dead letter and costs the others nothing.
        """
        await self._room(stop)
        async for batch in self._reader.batches(lambda: self._appetite.size, stop):
            k, began = batch.channel, time.perf_counter()
            steps = await self._last_steps(k, batch.entries, judge)
            judged = time.perf_counter()
            await self._reader.finish(k, steps)
            leaving = time.perf_counter() - judged
            self._appetite = self._appetite.after(len(batch.entries), judged - began, leaving)
            self._life.rests()
            await self._room(stop)
            await asyncio.sleep(0)  # a full channel must not keep the rest of the process waiting

    async def _last_steps(self, k: int, entries: Iterable[Entry], judge: Judge) -> list[Step]:
        """Return the last step of each entry, to leave together; those before it have left."""
        steps: list[Step] = []
        for entry in entries:
            # Whoever takes an entry over goes on where the one before it ended.
            come = await self._reader.progress(k, entry) if entry.tries else ""
            for step in self._steps(k, entry, judge, come):
                steps.append(step)
                if not step.is_last:  # so that only one part is in memory
                    await self._reader.finish(k, steps)
                    self._life.took()
                    steps.clear()
        return steps

    def _steps(self, k: int, entry: Entry, judge: Judge, come: str) -> Iterator[Step]:
        return steps_for(
            k,
            entry,
            judge,
            worker=self._life.name,
            helped=k not in self._life.home,
            come=come,
            lane_mark=self._lane_mark,
        )


def steps_for(  # noqa: PLR0913  # an entry, what becomes of it, and who did it
    k: int,
    entry: Entry,
    judge: Judge,
    *,
    worker: str,
    helped: bool,
    come: str = "",
    lane_mark: int | None = None,
) -> Iterator[Step]:
    """Yield what becomes of a message: what is made of it, or a dead letter that says why not.

    For very many recipients these are several steps, each made when it is asked for.
    """
    effort = partial(_effort, entry, time.time(), worker=worker, helped=helped)
    try:
        emission = _judged(k, entry, judge)
        for step in in_parts(k, entry.id, emission, effort, come=come, lane_mark=lane_mark):
            come = step.progress[1] if step.progress else ""
            yield step
    except Exception as failed:  # noqa: BLE001  # whatever it is, the next message goes on
        _log.exception("gave a message up", channel=k, entry=entry.id)
        why = "".join(traceback.format_exception_only(failed)).strip()
        yield _buried(k, entry, worker, why, come)


def _buried(k: int, entry: Entry, worker: str, why: str, come: str) -> Step:
    origin, now = origin_of(k, entry), datetime.now(UTC)
    letter = DeadLetter("message", worker, why, entry.tries + 1, now, entry.value, origin=origin)
    writes = (Write(keys.dead(k), pack(letter)),)
    return Step(entry.id, writes, {"dead": 1}, (come, "") if come else None)


def origin_of(k: int, entry: Entry) -> Origin:
    """Return the origin of what is made of a message; a replay keeps that of the first time."""
    return Origin(entry.origin or f"{k}/{entry.id}")


def _judged(k: int, entry: Entry, judge: Judge) -> Emission:
    if entry.poison:
        raise UnreadableEntry(f"its worker died {DEADLY} times with this message alone in hand")
    return judge(unpack(entry.value, Message), origin_of(k, entry))


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
