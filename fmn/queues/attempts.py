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
    InDoubt,
    PeerAway,
    PermanentFailure,
    TransientFailure,
)
from fmn.model import split_key
from fmn.queues.claims import Answer, Claim, Claims, Mark
from fmn.queues.gate import Gate
from fmn.queues.life import Life
from fmn.queues.reader import DEADLY

Send = Callable[[Content, Recipient], Awaitable[News | None]]
"""What a sender does, in the words of `fmn.kinds.Sender.send`."""

PATIENT = 10
LONGEST_LOOK = timedelta(minutes=10)
"""Who is absent is looked for again after this part of the time they were absent, or so long."""

LONGEST = timedelta(minutes=5)
"""A send that takes longer is given up, whatever its own time-outs say."""
TICK = 5.0
"""Seconds between two signs that we wait for a peer and are not stuck ourselves."""

IN_DOUBT = "in doubt: it may have gone out"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Result:
    """How the attempt for one recipient ended."""

    recipient: Recipient
    state: State | None = None
    """None: not attempted, because the process was told to stop or the server is away."""
    reason: str | None = None
    retry_after: timedelta | None = None
    absent_since: datetime | None = None
    """Nobody was there, since then: that is no attempt."""
    in_doubt: bool = False
    """It may have gone out by an earlier attempt, or by this one where it is not SENT."""
    away: bool = False
    """The server behind the lane was not there: that is no attempt."""
    news: News | None = None

    @property
    def learned(self) -> list[Learned]:
        """What the log shall say of the recipient's destination."""
        if self.news is None:
            return []
        key, now = self.recipient.keys[0], datetime.now(UTC)
        return [Learned(split_key(key)[1], self.news, key, self.reason or "", now)]

    @property
    def mark(self) -> Mark:
        """What its claim shall say."""
        if self.state is State.SENT:
            return Mark.SENT
        return Mark.DOUBT if self.in_doubt else Mark.REFUSED


@dataclass(frozen=True, slots=True)
class Attempts:
    """Recipients being served, so many at once."""

    claims: Claims
    life: Life
    send: Send
    free: asyncio.Semaphore
    stop: asyncio.Event
    gate: Gate
    hold: bool = False
    """What is in doubt is not sent again: an operator decides."""
    longest: timedelta = LONGEST
    tick: float = TICK

    async def serve(self, chunk: Chunk, *, alone: bool = False) -> list[Result]:
        """Attempt each recipient of a chunk; `alone`: one after the other, and nothing beside."""
        ticking = asyncio.create_task(self._tick())
        try:
            if alone:
                return [await self._attempt(chunk, to, alone=True) for to in chunk.recipients]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._attempt(chunk, to)) for to in chunk.recipients]
        finally:
            ticking.cancel()
        return [task.result() for task in tasks]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.tick)
            self.life.took()

    async def _attempt(self, chunk: Chunk, to: Recipient, *, alone: bool = False) -> Result:
        async with self.free:
            while await self.gate.passed(self.stop):
                result = await self._claimed(chunk, to, alone=alone)
                self.life.took()
                if not result.away:
                    return result
            return Result(to)

    async def _claimed(self, chunk: Chunk, to: Recipient, *, alone: bool) -> Result:
        how = {"alone": alone, "insist": chunk.insist}
        claim = await self.claims.claim(to.keys, chunk.origin, **how)
        result = self._known(chunk, to, claim)
        tried = result is None
        if result is None:
            result = await self._sent(chunk, to)
            if claim.in_doubt and result.state is not State.FAILED:
                result = replace(result, in_doubt=True)
        if not claim.settled:
            await self.claims.mark(claim, result.mark)
        self.gate.left(away=result.reason if result.away else None, tried=tried)
        if result.state is not None:
            kind, reason = chunk.content.kind, result.reason
            _log.info(str(result.state), keys=to.keys, kind=kind, reason=reason)
        return result

    def _known(self, chunk: Chunk, to: Recipient, claim: Claim) -> Result | None:
        """Return what its claim says already; None where it is to be sent."""
        if claim.settled:
            ours = Answer.SENT in claim.answers
            return Result(to, *((State.SENT, None) if ours else (State.SUPPRESSED, "duplicate")))
        if Answer.DEADLY in claim.answers:
            why = f"its sender died {DEADLY} times with this recipient alone in hand"
            return Result(to, State.DEAD, why)
        if claim.in_doubt and self.hold and not chunk.insist:
            return Result(to, State.DEAD, IN_DOUBT, in_doubt=True)
        return None

    async def _sent(self, chunk: Chunk, recipient: Recipient) -> Result:
        try:
            async with asyncio.timeout(self.longest.total_seconds()):
                news = await self.send(chunk.content, recipient)
        except TimeoutError:
            words = f"no end after {self.longest.total_seconds():g} s"
            return self._doubted(recipient, words)
        except (PermanentFailure, TransientFailure) as failed:
            return self._failed(chunk, recipient, failed)
        except Exception as failed:  # noqa: BLE001  # a bug costs one attempt, not the process
            error, trace = type(failed).__name__, "".join(format_tb(failed.__traceback__))
            # Where, and not with which words: they may hold the whole address, token and all.
            _log.error(
                "a sender failed in a way it must not", keys=recipient.keys, error=error, at=trace
            )
            return self._doubted(recipient, error)
        return Result(recipient, State.SENT, news=news)

    def _failed(
        self, chunk: Chunk, recipient: Recipient, failed: PermanentFailure | TransientFailure
    ) -> Result:
        words = _words(failed)
        match failed:
            case PermanentFailure():
                return Result(recipient, State.FAILED, words, news=_news(failed))
            case Absent():
                return _waited_for(chunk, recipient, failed)
            case PeerAway():
                return Result(recipient, reason=words, away=True)
            case InDoubt():
                return self._doubted(recipient, words)
        return Result(recipient, State.RETRYING, words, failed.retry_after)

    def _doubted(self, recipient: Recipient, why: str) -> Result:
        """Return what becomes of it where nobody can say whether it went out."""
        if self.hold:
            return Result(recipient, State.DEAD, f"{IN_DOUBT}: {why}", in_doubt=True)
        return Result(recipient, State.RETRYING, why, in_doubt=True)


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
