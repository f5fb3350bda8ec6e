"""Whose turn it is: one host that does not answer shall not take everybody's place.

    first seen ─▶ its share ─▶ answers ─▶ all it can take
                     ▲            │ fails
                     └ answers ─ one try ◀─ rest, each twice as long ─┐
                                    └────────── fails ────────────────┘

A host rests after it could not be reached or did not answer in time, then one send tries it. It
has no more than a share of what may be in flight, unless it answered within the last second: so
one that is asked much and answers fast gets all it can take, and one that stalls does not. Who
comes to a host that has not failed waits for a place there, half the timeout at most. Who is sent
away has not tried: that is Absent, and no attempt is counted.

So a host that begins to stall holds its share of the places for the timeout and, with those who
wait for it, all of them for half of that; then it rests, and nobody waits for it until it answers.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf

from fmn.egress.answer import LONGEST_WAIT
from fmn.errors import Absent

SHARE = 4
"""A host has one of so many places, until it answers."""
FRESH = 1.0
"""Seconds for which an answer says that a host is well."""
LONGEST_REST = 300.0
"""Seconds."""
MOST_HOSTS = 10_000
"""So many are remembered; whom we have not spoken to for longest is forgotten first."""
KEEP = 15.0
"""Seconds a connection is kept for the next send."""
MOST_KEPT = 100
"""To so many hosts connections are kept."""


@dataclass(slots=True)
class Host:
    """What we know of a host."""

    in_flight: int = 0
    heard: float = -inf
    failures: int = 0
    """In a row."""
    rests_until: float = -inf
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Never set for long: whoever waits looks again."""

    def tell(self) -> None:
        """Let all who wait for this host look again."""
        self.changed.set()
        self.changed.clear()


class Hosts:
    """Knows the hosts of late."""

    def __init__(
        self, *, at_once: int, timeout: timedelta, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._share = max(1, at_once // SHARE)
        self._patience = timeout.total_seconds()
        self._now = now
        self._hosts: OrderedDict[str, Host] = OrderedDict()
        self._kept: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[None]:
        """Wait for a place at this host, half the timeout at most; then it is a `turn`.

        Raises Absent where it rests or failed last, and where no place became free meanwhile.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience / 2):
                while not (host := self._host(name)).failures and self._is_busy(host):
                    await host.changed.wait()
        with self.turn(name):
            yield

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Count one send to this host while it lasts. Raises Absent where it rests or is busy."""
        host = self._host(name)
        self._admit(name, host)
        host.in_flight += 1
        try:
            yield
        finally:
            host.in_flight -= 1
            host.tell()

    def answered(self, name: str) -> None:
        """Note that this host is well."""
        host = self._host(name)
        host.heard, host.failures, host.rests_until = self._now(), 0, -inf
        host.tell()

    def failed(self, name: str) -> None:
        """Let this host rest, unless it does: what failed together is one failure."""
        host, now = self._host(name), self._now()
        host.heard = -inf
        if host.rests_until <= now:
            host.rests_until = now + min(self._patience * 2**host.failures, LONGEST_REST)
            host.failures = min(host.failures + 1, 30)
        host.tell()

    def keeps(self, name: str) -> bool:
        """Tell whether a connection to this host is kept: too many would be idle otherwise."""
        now = self._now()
        while self._kept and next(iter(self._kept.values())) <= now:
            self._kept.popitem(last=False)
        if name not in self._kept and len(self._kept) >= MOST_KEPT:
            return False
        self._kept[name] = now + KEEP
        self._kept.move_to_end(name)
        return True

    def _admit(self, name: str, host: Host) -> None:
        now = self._now()
        if host.rests_until > now:
            rest = timedelta(seconds=host.rests_until - now)
            raise Absent(
                f"{name} did not answer and is left alone for a while",
                retry_after=rest,
                longest=LONGEST_WAIT,
            )
        if self._is_busy(host):
            soon = timedelta(seconds=self._patience / 4)
            raise Absent(f"{name} is busy", retry_after=soon, longest=LONGEST_WAIT)

    def _is_busy(self, host: Host) -> bool:
        most = 1 if host.failures else self._share
        return host.in_flight >= most and host.heard < self._now() - FRESH

    def _host(self, name: str) -> Host:
        host = self._hosts.setdefault(name, Host())
        self._hosts.move_to_end(name)
        while len(self._hosts) > MOST_HOSTS:
            self._hosts.popitem(last=False)
        return host
