"""Signs of life: a process signs for itself every second, from its own thread.

Whoever has not signed for SILENCE seconds has its entries taken over. A process that has had
something in hand for STUCK seconds without finishing anything stops signing: it hangs.
"""

import asyncio
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from fmn.errors import Unavailable
from fmn.queues import keys
from fmn.queues.connection import script_text, without_password
from fmn.queues.durability import figure
from fmn.queues.figures import number_of_channels

SILENCE = 5
"""Seconds without a sign that mean death."""
STUCK = 60.0
"""Seconds with something in hand and nothing finished that mean the process hangs."""
BEAT = 1.0
TIMEOUT = 2.0
"""Seconds a sign may take: late signs are none."""
GRACE = SILENCE + 3.0
"""Seconds our own signs must have arrived before the silence of others means anything: after an
outage all of them come back one by one."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Crew:
    """What a process knows of the others, as of its last sign."""

    channels: int = 1
    """N: consumers pick below it."""
    most_channels: int = 1
    """Everybody else reads every channel below it."""
    alive: tuple[str, ...] = ()
    went_back: int = 0
    """When Redis last lost what it had been told, in ms of its clock: what is older may have been
    done without a trace. 0: never."""


class Life:
    """A process among the others: its name, its signs, what it knows of the crew."""

    def __init__(self, url: str, process: str, *, channels: int) -> None:
        self.process = process
        self.name = f"{process}@{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.crew = Crew()
        self.reachable = False
        """Whether the last sign reached the server."""
        self._steady_since = 0.0
        """Monotonic time since when every sign reached the server."""
        self._signed = 0.0
        """Our last sign, as the server told it."""
        self._turn = threading.Lock()
        self._url = url
        self._client: Any = Redis.from_url(
            url, socket_timeout=TIMEOUT, protocol=2, retry=Retry(NoBackoff(), 0)
        )
        self._client.response_callbacks.clear()
        self._script = script_text("sign")
        self._channels = channels
        self._in_hand_since: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="signs of life", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._client.execute_command("SET", keys.CHANNELS, self._channels, "NX")
            self._sign()  # before anything is read: who is not known to live is robbed
        except RedisError as failed:
            raise Unavailable(f"Redis at {without_password(self._url)}", failed) from None
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        try:  # what is left in hand is given up at once
            for k in range(self.crew.most_channels):
                self._client.execute_command("ZREM", keys.alive(k), self.name)
        except RedisError as failed:
            _log.warning("left without saying so", process=self.name, why=str(failed))
        self._client.close()

    @property
    def home(self) -> list[int]:
        """The channels this process reads first: dealt out among its like, by name."""
        like = [name for name in self.crew.alive if name.startswith(f"{self.process}@")]
        place, of = (like.index(self.name), len(like)) if self.name in like else (0, 1)
        dealt = [k for k in range(self.crew.most_channels) if k % of == place % of]
        return dealt or [place % self.crew.most_channels]

    @property
    def knows_the_dead(self) -> bool:
        """Whether the silence of others means that they are dead, and not that all were cut off."""
        return self.reachable and time.monotonic() - self._steady_since > GRACE

    def took(self) -> None:
        """Something is in hand now, or something of it was finished."""
        self._in_hand_since = time.monotonic()

    def rests(self) -> None:
        """Nothing is in hand."""
        self._in_hand_since = None

    def _live(self) -> None:
        while not self._ended.wait(BEAT):
            if self._hangs():
                continue
            try:
                self._sign()
            except RedisError as failed:
                if self.reachable:
                    at = without_password(self._url)
                    _log.warning("Redis is away", at=at, why=str(failed))
                self.reachable = False

    def _hangs(self) -> bool:
        since = self._in_hand_since
        return since is not None and time.monotonic() - since > STUCK

    async def look(self) -> None:
        """Sign at once, and so see whether the server is what it was. Raises RedisError."""
        await asyncio.to_thread(self._sign)

    def _sign(self) -> None:
        with self._turn:
            channels, most, went_back = self._count()
            pipeline = self._client.pipeline(transaction=False)
            for k in range(most):
                pipeline.execute_command("EVAL", self._script, 1, keys.alive(k), self.name, SILENCE)
            names, now, before = pipeline.execute()[0]
            if float(before) < self._signed:
                went_back = self._went_back(float(now))
            self._signed = float(now)
            alive = tuple(sorted(name.decode(errors="replace") for name in names))
            self.crew = Crew(channels, most, alive, went_back)
            self._reached()

    def _reached(self) -> None:
        if not self.reachable:
            self._steady_since = time.monotonic()
            _log.info("Redis is there", at=without_password(self._url), process=self.name)
        self.reachable = True

    def _count(self) -> tuple[int, int, int]:
        names = (keys.CHANNELS, keys.MOST_CHANNELS, keys.WENT_BACK)
        pipeline = self._client.pipeline(transaction=False)
        for name in names:
            pipeline.execute_command("GET", name)
        *numbers, went_back = pipeline.execute()
        channels, most = map(number_of_channels, numbers)
        channels, most = channels or self._channels, most or 0
        if most < channels:
            self._client.execute_command("SET", keys.MOST_CHANNELS, channels)
        return channels, max(most, channels), int(went_back) if (went_back or b"").isdigit() else 0

    def _went_back(self, now: float) -> int:
        """Tell everybody that our last sign is gone, and with it what came at that time."""
        uptime = int(
            figure(self._client.execute_command("INFO", "server"), "uptime_in_seconds", "0")
        )
        started = int(now) - uptime + 1  # within a second of it, and not before
        since = started if started > self._signed else now  # else it is another server
        _log.error(
            "Redis went back in time: what it had not written to disk is gone",
            at=without_password(self._url),
            last_sign=self._signed,
            started=since,
        )
        self._client.execute_command("SET", keys.WENT_BACK, int(since * 1000))
        return int(since * 1000)
