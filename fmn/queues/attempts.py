"""Attempts: one for each recipient of a chunk, so many at once, each under its claim."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from traceback import format_tb

import structlog

from fmn.emission import Chunk, Content, Learned, News, Recipient, State
from fmn.errors import (
    Absent,
    AddressGone,
    AddressRefused,
    FmnError,
    PermanentFailure,
    TransientFailure,
)
from fmn.model import split_key
from fmn.queues.claims import Answer, Claims
from fmn.queues.life import Life

Send = Callable[[Content, Recipient], Awaitable[News | None]]
"""What a sender does, in the words of `fmn.kinds.Sender.send`."""

PATIENT = 10
LONGEST_LOOK = timedelta(minutes=10)
"""Who is absent is looked for again after this part of the time they were absent, or so long."""

LONGEST = timedelta(minutes=5)
"""A send that takes longer is given up, whatever its own time-outs say."""
TICK = 5.0
"""Seconds between two signs that we wait for a peer and are not stuck ourselves."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Result:
    """How the attempt for one recipient ended."""

    recipient: Recipient
    state: State | None = None
    """None: not attempted, because the process was told to stop."""
    reason: str | None = None
    retry_after: timedelta | None = None
    absent_since: datetime | None = None
    """Nobody was there, since then: that is no attempt."""
    in_doubt: bool = False
    news: News | None = None

    @property
    def learned(self) -> list[Learned]:
        """What the log shall say of the recipient's destination."""
        if self.news is None:
            return []
        key, now = self.recipient.keys[0], datetime.now(UTC)
        return [Learned(split_key(key)[1], self.news, key, self.reason or "", now)]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Recipients being served, so many at once."""

    claims: Claims
    life: Life
    send: Send
    free: asyncio.Semaphore
    stop: asyncio.Event
    longest: timedelta = LONGEST
    tick: float = TICK

    async def serve(self, chunk: Chunk) -> list[Result]:
        """Attempt each recipient of a chunk."""
        ticking = asyncio.create_task(self._tick())
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._attempt(chunk, r)) for r in chunk.recipients]
        finally:
            ticking.cancel()
        return [task.result() for task in tasks]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.tick)
            self.life.took()

    async def _attempt(self, chunk: Chunk, recipient: Recipient) -> Result:
        async with self.free:
            if self.stop.is_set():
                return Result(recipient)
            answers = [await self.claims.claim(key, chunk.origin) for key in recipient.keys]
            result = await self._answered(chunk, recipient, answers)
            self.life.took()
            return result

    async def _answered(self, chunk: Chunk, recipient: Recipient, answers: list[Answer]) -> Result:
        if set(answers) <= {Answer.SENT, Answer.DUPLICATE}:
            ours = Answer.SENT in answers
            state, reason = (State.SENT, None) if ours else (State.SUPPRESSED, "duplicate")
            return Result(recipient, state, reason)
        result = await self._sent(chunk, recipient)
        result = replace(result, in_doubt=Answer.DOUBT in answers)
        for key in recipient.keys:
            await self.claims.mark(key, chunk.origin, sent=result.state is State.SENT)
        _log.info(
            str(result.state), keys=recipient.keys, kind=chunk.content.kind, reason=result.reason
        )
        return result

    async def _sent(self, chunk: Chunk, recipient: Recipient) -> Result:
        try:
            async with asyncio.timeout(self.longest.total_seconds()):
                news = await self.send(chunk.content, recipient)
        except TimeoutError:
            words = f"no end after {self.longest.total_seconds():g} s"
            return Result(recipient, State.RETRYING, words)
        except PermanentFailure as failed:
            return Result(recipient, State.FAILED, _words(failed), news=_news(failed))
        except Absent as absent:
            return _waited_for(chunk, recipient, absent)
        except TransientFailure as failed:
            return Result(recipient, State.RETRYING, _words(failed), failed.retry_after)
        except Exception as failed:  # noqa: BLE001  # a bug costs one attempt, not the process
            error, trace = type(failed).__name__, "".join(format_tb(failed.__traceback__))
            # Where, and not with which words: they may hold the whole address, token and all.
            _log.error(
                "a sender failed in a way it must not", keys=recipient.keys, error=error, at=trace
            )
            return Result(recipient, State.RETRYING, error)
        return Result(recipient, State.SENT, news=news)


def _news(failed: PermanentFailure) -> News | None:
    if isinstance(failed, AddressGone):
        return News.GONE
    return News.REFUSED if isinstance(failed, AddressRefused) else None


def _waited_for(chunk: Chunk, recipient: Recipient, absent: Absent) -> Result:
    now = datetime.now(UTC)
    since = chunk.absent_since or now
    if now - since >= absent.longest:
        hours = absent.longest / timedelta(hours=1)
        return Result(recipient, State.FAILED, f"{_words(absent)}; waited {hours:g} h")
    again = max(absent.retry_after or timedelta(), min((now - since) / PATIENT, LONGEST_LOOK))
    return Result(recipient, State.RETRYING, _words(absent), again, since)


def _words(failed: FmnError) -> str:
    return ": ".join(map(str, failed.args))
