"""Signs of life: a process signs for itself every second, from its own thread.

Whoever has not signed for SILENCE seconds has its entries taken over. A process that has had
something in hand for STUCK seconds without finishing anything stops signing: it hangs.
"""

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
            persistence = self._client.execute_command("INFO", "persistence")
        except RedisError as failed:
            raise Unavailable(f"Redis at {without_password(self._url)}", failed) from None
        if b"aof_enabled:1" not in persistence:
            at = without_password(self._url)
            _log.warning("what Redis holds is lost when it ends: set appendonly yes", at=at)
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

    def _sign(self) -> None:
        most, channels = self._count()
        pipeline = self._client.pipeline(transaction=False)
        for k in range(most):
            pipeline.execute_command("EVAL", self._script, 1, keys.alive(k), self.name, SILENCE)
        alive = tuple(sorted(name.decode(errors="replace") for name in pipeline.execute()[0]))
        self.crew = Crew(channels, most, alive)
        if not self.reachable:
            self._steady_since = time.monotonic()
            _log.info("Redis is there", at=without_password(self._url), process=self.name)
        self.reachable = True

    def _count(self) -> tuple[int, int]:
        found = (
            self._client.execute_command("GET", k) for k in (keys.CHANNELS, keys.MOST_CHANNELS)
        )
        channels, most = (number_of_channels(each) for each in found)
        channels, most = channels or self._channels, most or 0
        if most < channels:
            self._client.execute_command("SET", keys.MOST_CHANNELS, channels)
        return max(most, channels), channels
