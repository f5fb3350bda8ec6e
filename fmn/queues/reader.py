"""Reading the streams of all channels as a member of a group, and finishing what was read.

Its own channels first, then those of the others. Where nothing is, it waits at all of them at once:
the server gives an entry to who waits longest, so that of a busy process goes to an idle one at
once. What a dead process had in hand is taken over one entry at a time, because it may be what
killed it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import ClusterCrossSlotError, ResponseError

from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import VERSION, Step, arguments, pieces
from fmn.queues.fields import Fields
from fmn.queues.life import SILENCE, Life

IDLE = 0.2
"""Seconds an idle reader waits at all channels before it sees whether it is told to stop."""
IN_TURN = 0.05
"""Seconds it waits at one of its channels before it looks at the others again: in a cluster, where
nobody can wait at several."""
LOOK_ROUND = 1.0
"""Seconds between two looks for entries of dead processes."""
LOST = ("NOGROUP", "UNBLOCKED")
"""The words of a server that lost a stream, before we read and while we waited."""
NEVER = 10**9
"""Seconds of silence nobody reaches: then only who left, and gave all up, is robbed."""
DEADLY = 3
"""So often may an entry kill its process, alone in hand, before it is a dead letter."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process holds from a stream until it is finished."""

    id: str
    n: int
    """Notifications it stands for."""
    value: bytes
    tries: int = 0
    """How often it was taken over from a dead process."""
    origin: str = ""
    """Of a message that was replayed."""
    reason: str = ""
    """Of a chunk in the lane `held`: why it is there."""

    @property
    def poison(self) -> bool:
        """Whether it has killed its process often enough, alone in hand."""
        return self.tries > DEADLY


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of one channel."""

    channel: int
    entries: tuple[Entry, ...]


class Reader:
    """A member of a group; `stream` tells the key it reads on each channel."""

    def __init__(
        self, connection: Connection, life: Life, group: str, stream: Callable[[int], str]
    ) -> None:
        self.connection = connection
        self.life = life
        self._group = group
        self._stream = stream
        self._looked_round = 0.0
        self._turn = 0
        self._idle = False
        """Whether the last wait at all channels was for nothing."""
        self._together = True
        """Whether the server lets us wait at all channels at once."""
        self._unknown: set[int] = set()

    async def batches(
        self, size: int | Callable[[], int], stop: asyncio.Event
    ) -> AsyncIterator[Batch]:
        """Yield what there is to do until told to stop, up to `size` entries at a time."""
        wanted = size if callable(size) else lambda: size
        while not stop.is_set():
            robbed = await self._robbed()
            taken = [robbed] if robbed else await self._next(wanted())
            for batch in taken:
                self.life.took()
                yield batch
                self.life.rests()

    async def finish(self, channel: int, steps: Sequence[Step]) -> int:
        """Do these steps, each a unit; return how many counted. Safe to repeat."""
        return sum([await self._finish(channel, some) for some in pieces(steps)])

    async def _finish(self, channel: int, steps: list[Step]) -> int:
        outputs, told = arguments(steps)
        stream = self._stream(channel)
        fixed = [stream, *keys.of_steps(channel)]
        ours = (self._group, self.life.name)
        try:
            done: int = await self.connection.run("step", [*fixed, *outputs], *ours, *told)
        except ResponseError as refused:
            if "NOGROUP" not in str(refused):
                raise
            return 0  # the server lost the stream, and so the entries: nothing is ours to finish
        return done

    async def progress(self, channel: int, entry: "Entry") -> str:
        """Return how far an entry with very many outputs has come."""
        found = await self.connection.do("HGET", keys.progress(channel), entry.id)
        return found.decode() if found else ""

    async def _next(self, size: int) -> list[Batch]:
        home = self.life.home
        self._turn = (self._turn + 1) % len(home)  # none of ours waits for another to be empty
        others = (k for k in range(self.life.crew.most_channels) if k not in home)
        channels = [*home[self._turn :], *home[: self._turn], *others]
        if self._together:
            try:
                return await self._at_all(channels, size)
            except ClusterCrossSlotError:
                self._together = False
        return await self._in_turn(channels, size)

    async def _at_all(self, channels: list[int], size: int) -> list[Batch]:
        """Read from the first channel that has anything, or wait until something comes to one.

        Where it comes to several at that moment it is a part of `size` from each.
        """
        if not self._idle and (batches := await self._first(channels, size)):
            return batches
        batches = await self._read(channels, max(1, size // len(channels)), wait=IDLE)
        self._idle = not batches  # so there is nothing to look for, only to wait for
        return batches

    async def _in_turn(self, channels: list[int], size: int) -> list[Batch]:
        """Do the same by looking at one channel after another."""
        for k in channels:
            if batches := await self._read([k], size):
                return batches
        return await self._read(channels[:1], size, wait=IN_TURN)

    async def _first(self, channels: list[int], size: int) -> list[Batch]:
        streams = [self._stream(k) for k in channels]
        told = (self._group, self.life.name, size)
        found = await self._asked(channels, self.connection.run("read", streams, *told))
        return self._batches([(channels[found[0] - 1], found[1])] if found else ())

    async def _read(
        self, channels: list[int], size: int, *, wait: float | None = None
    ) -> list[Batch]:
        """Return what is new, up to `size` entries of each channel."""
        streams = {self._stream(k): k for k in channels}
        block = [] if wait is None else ["BLOCK", int(wait * 1000)]
        head = ["XREADGROUP", "GROUP", self._group, self.life.name, "COUNT", size, *block]
        command = [*head, "STREAMS", *streams, *[">" for _ in streams]]
        ask = self.connection.block if block else self.connection.do
        found = await self._asked(channels, ask(*command))
        return self._batches((streams[name.decode()], entries) for name, entries in found or ())

    async def _asked(self, channels: list[int], answer: Awaitable[Any]) -> Any:  # noqa: ANN401
        """Return the answer; where the server lost a stream, join them all and return None."""
        try:
            return await answer
        except ResponseError as refused:
            if not any(word in str(refused) for word in LOST):
                raise
        for k in channels:
            await self._join(k)
        return None

    def _batches(self, found: Iterable[tuple[int, list[Any]]]) -> list[Batch]:
        known = ((k, (self._known(*entry) for entry in entries)) for k, entries in found)
        batches = (Batch(k, tuple(entry for entry in entries if entry)) for k, entries in known)
        return [batch for batch in batches if batch.entries]

    def _known(self, entry_id: bytes, flat: list[bytes], tries: int = 0) -> Entry | None:
        fields = Fields.of(flat)
        if fields.unknown is None:
            told = (fields.n, fields.value, tries, fields.origin, fields.reason)
            return Entry(entry_id.decode(), *told)
        if fields.unknown not in self._unknown:
            self._unknown.add(fields.unknown)
            _log.error("left an entry of a format version not known here", version=fields.unknown)
        return None

    async def _robbed(self) -> Batch | None:
        """Return one entry of a process that is dead, or of ours that never reached us."""
        if time.monotonic() - self._looked_round < LOOK_ROUND:
            return None
        for k in range(self.life.crew.most_channels):
            if entry := await self._take_over(k):
                return Batch(k, (entry,))
        self._looked_round = time.monotonic()
        return None

    async def _take_over(self, k: int) -> Entry | None:
        streams = [self._stream(k), keys.alive(k), keys.suspects(k), keys.counts(k)]
        silence = SILENCE if self.life.knows_the_dead else NEVER
        arguments = (self._group, self.life.name, silence, VERSION)
        try:
            taken = await self.connection.run("takeover", streams, *arguments)
        except ResponseError as refused:
            if "NOGROUP" not in str(refused):
                raise
            await self._join(k)
            return None
        entry = self._known(*taken) if taken else None
        if entry is None:
            return None
        _log.info("took an entry over", channel=k, entry=entry.id, tries=entry.tries)
        return entry

    async def _join(self, k: int) -> None:
        command = ["XGROUP", "CREATE", self._stream(k), self._group, "0", "MKSTREAM"]
        try:
            await self.connection.do(*command)
        except ResponseError as refused:  # somebody else was faster
            if "BUSYGROUP" not in str(refused):
                raise
