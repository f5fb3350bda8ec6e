"""The gate of a lane: closed while the server behind it is away, so that nobody's attempt is burnt.

A circuit breaker: after a pause one attempt goes through and finds out; the others wait for it.
"""

import asyncio
import time
from contextlib import suppress

import structlog
from redis.backoff import ExponentialWithJitterBackoff

FIRST, LONGEST = 0.5, 30.0
"""Seconds of the pauses: doubled each time, a part of each at random."""
LOOK = 0.1
"""Seconds between two looks of those who wait."""

_log = structlog.get_logger()


class Gate:
    """Whether attempts of one lane may begin."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._backoff = ExponentialWithJitterBackoff(base=FIRST, cap=LONGEST)
        self._refusals = 0
        self._opens = 0.0
        """Monotonic time of the next probe."""
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether the server was there when it was last needed."""
        return not self._refusals

    async def passed(self, stop: asyncio.Event) -> bool:
        """Wait until an attempt may begin; False where the process is told to stop before."""
        while not stop.is_set():
            if self.open:
                return True
            if not self._probing and time.monotonic() >= self._opens:
                self._probing = True
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await stop.wait()
        return False

    def left(self, *, away: str | None, tried: bool) -> None:
        """Note how the attempt ended that passed: with an answer, or the server was away."""
        if away is not None:
            self._close(away)
        elif tried and not self.open:
            _log.info("the lane goes on", kind=self._kind)
            self._refusals = 0
        self._probing = False

    def _close(self, why: str) -> None:
        if not self.open and not self._probing:
            return  # it was under way when another found out
        self._refusals += 1
        pause = self._backoff.compute(self._refusals)
        self._opens = time.monotonic() + pause
        told = {"kind": self._kind, "why": why, "again_in": round(pause, 1)}
        (_log.warning if self._refusals == 1 else _log.info)("the lane pauses", **told)
