"""The outbox: a lane for each kind, read by the senders of that kind.

Around one `send` stand the claim, the mark, the retry, the dead letter and the record; what
became of a chunk is one fenced step.
"""

import asyncio
import math
import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from fmn.config import Retry
from fmn.emission import Chunk, Learned, LogLine, Outcome, Recipient, State
from fmn.queues import keys
from fmn.queues.attempts import Attempts, Result, Send
from fmn.queues.claims import Claims
from fmn.queues.connection import Connection
from fmn.queues.emitting import emit, log_writes
from fmn.queues.entries import DeadLetter, Step, UnreadableEntry, Write, pack, unpack
from fmn.queues.gate import Gate
from fmn.queues.life import Life
from fmn.queues.reader import Entry, Reader

MOVE = 0.5
"""Seconds between two looks for retries that are due."""
MOVE_AT_MOST = 100

_log = structlog.get_logger()


class Lane:
    """The lane of one kind, over all channels."""

    def __init__(
        self, connection: Connection, life: Life, kind: str, *, claims: Claims, retry: Retry
    ) -> None:
        self._connection = connection
        self._reader = Reader(connection, life, "senders", lambda k: keys.outbox(k, kind))
        self._life = life
        self._kind = kind
        self._claims = claims
        self._retry = retry
        self._gate = Gate(kind)

    @property
    def peer_there(self) -> bool:
        """Whether the server behind the lane was there when it was last needed."""
        return self._gate.open

    async def each(self, send: Send, stop: asyncio.Event, *, at_once: int) -> None:
        """Give every recipient to `send` until told to stop, so many at once."""
        hold = self._kind in self._retry.hold_in_doubt
        free = asyncio.Semaphore(at_once)
        serving = Attempts(self._claims, self._life, send, free, stop, self._gate, hold)
        async with asyncio.TaskGroup() as group:
            mover = group.create_task(self._move_due())
            async for batch in self._reader.batches(at_once, stop):
                async with asyncio.TaskGroup() as chunks:
                    for entry in batch.entries:
                        chunks.create_task(self._serve(batch.channel, entry, serving))
            mover.cancel()

    async def tell(self, learned: Learned) -> None:
        """Put what came back by itself on the log. Raises Unavailable."""
        k = random.SystemRandom().randrange(self._life.crew.channels)
        await emit(self._connection, k, [Step("", log_writes(k, [learned]), {})])

    async def _serve(self, k: int, entry: Entry, serving: Attempts) -> None:
        try:
            chunk = unpack(entry.value, Chunk)
        except UnreadableEntry as failed:
            step = self._buried(k, entry, str(failed))
        else:
            # It is alone in hand, because its sender died: perhaps of one of its recipients.
            results = await serving.serve(chunk, alone=entry.tries > 0)
            step = self._step(k, entry, chunk, results)
        await self._reader.finish(k, [step])

    def _step(self, k: int, entry: Entry, chunk: Chunk, results: list[Result]) -> Step:
        if chunk.attempt >= self._retry.attempts:
            results = [_given_up(result) for result in results]
        lines: list[LogLine] = [o for result in results for o in self._outcomes(chunk, result)]
        lines += (news for result in results for news in result.learned)
        writes = [*self._retries(k, chunk, results), *log_writes(k, lines)]
        for doubt in (False, True):
            given_up = [r for r in results if r.state is State.DEAD and r.in_doubt is doubt]
            if given_up:
                writes.append(self._letter(k, chunk, given_up))
        return Step(entry.id, tuple(writes), self._counts(results))

    def _outcomes(self, chunk: Chunk, result: Result) -> list[Outcome]:
        if result.state is None:
            return []
        now, rules = datetime.now(UTC), tuple(result.recipient.rules)
        tail = (now, chunk.attempt, result.reason)
        return [
            Outcome(key, self._kind, rules, result.state, *tail) for key in result.recipient.keys
        ]

    def _retries(self, k: int, chunk: Chunk, results: list[Result]) -> list[Write]:
        """Return the chunks still to serve: what failed later, what was not begun at once."""
        again: dict[tuple[int, int, datetime | None], list[Recipient]] = defaultdict(list)
        # Who is absent together stays together: content stands once in each chunk.
        absent = min((r.absent_since for r in results if r.absent_since), default=None)
        usual = self._usual_delay(chunk.attempt)
        for result in results:
            if result.state is None:
                again[chunk.attempt, 0, chunk.absent_since].append(result.recipient)
            elif result.state is State.RETRYING:
                due = _delay(usual, result)
                attempt = chunk.attempt + (result.absent_since is None)
                since = absent if result.absent_since else chunk.absent_since
                again[attempt, due, since].append(result.recipient)
        zset, writes = keys.retry(k, self._kind), list[Write]()
        for (attempt, due, since), recipients in again.items():
            rest = replace(chunk, recipients=tuple(recipients), attempt=attempt, absent_since=since)
            writes.append(Write(zset, pack(rest), rest.notifications, due))
        return writes

    def _usual_delay(self, attempt: int) -> float:
        """Return seconds until the next attempt: doubling, capped, a third of it at random."""
        doubled = self._retry.first.total_seconds() * 2.0 ** min(attempt - 1, 30)
        usual = min(doubled, self._retry.longest.total_seconds())
        return usual * random.SystemRandom().uniform(2 / 3, 1)

    def _counts(self, results: list[Result]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for result in results:
            n = len(result.recipient.keys)
            if result.in_doubt and result.state in {State.SENT, State.DEAD}:
                counts[f"doubt {self._kind}"] += n
            elif result.state is State.SUPPRESSED:
                counts[f"suppressed {self._kind} {result.reason}"] += n
            elif result.state is State.RETRYING:
                counts[f"retried {self._kind}"] += n
            elif result.state is not None:
                counts[f"{result.state} {self._kind}"] += n
        return counts

    def _letter(self, k: int, chunk: Chunk, results: list[Result]) -> Write:
        rest = replace(chunk, recipients=tuple(result.recipient for result in results))
        why, now = results[0].reason or "", datetime.now(UTC)
        where, doubt = f"sender {self._kind}", results[0].in_doubt
        letter = DeadLetter("chunk", where, why, chunk.attempt, now, pack(rest), doubt=doubt)
        return Write(keys.dead(k), pack(letter), rest.notifications)

    def _buried(self, k: int, entry: Entry, why: str) -> Step:
        _log.error("gave a chunk up", channel=k, entry=entry.id, why=why)
        where = f"sender {self._kind}"
        tries = entry.tries + 1
        letter = DeadLetter("chunk", where, why, tries, datetime.now(UTC), entry.value)
        write = Write(keys.dead(k), pack(letter), entry.n)
        return Step(entry.id, (write,), {f"dead {self._kind}": entry.n})

    async def _move_due(self) -> None:
        while True:
            for k in range(self._life.crew.most_channels):
                lane = [keys.retry(k, self._kind), keys.outbox(k, self._kind)]
                await self._connection.run("due", lane, MOVE_AT_MOST)
            await asyncio.sleep(MOVE)


def _delay(usual: float, result: Result) -> int:
    """Return seconds until the next attempt, not before the peer asked for one."""
    asked = result.retry_after.total_seconds() if result.retry_after else 0
    return math.ceil(asked if result.absent_since is not None else max(usual, asked))


def _given_up(result: Result) -> Result:
    if result.state is not State.RETRYING or result.absent_since is not None:
        return result
    return replace(result, state=State.DEAD, reason=f"out of attempts: {result.reason}")
