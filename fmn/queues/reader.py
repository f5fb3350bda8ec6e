"""Reading the streams of all channels as a member of a group, and finishing what was read.

Its own channels first, then those of the others; what a dead process had in hand is taken over one
entry at a time, because it may be what killed it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import structlog
from redis.exceptions import ResponseError

from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import VERSION, Step, arguments, pieces
from fmn.queues.life import SILENCE, Life

IDLE = 0.05
"""Seconds an idle reader waits at one of its channels before it looks at the others again."""
LOOK_ROUND = 1.0
"""Seconds between two looks for entries of dead processes."""
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
        self._unknown: set[bytes] = set()

    async def batches(self, size: int, stop: asyncio.Event) -> AsyncIterator[Batch]:
        """Yield what there is to do until told to stop, up to `size` entries at a time."""
        while not stop.is_set():
            batch = await self._robbed() or await self._next(size)
            if batch is None:
                continue
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
        try:
            done: int = await self.connection.run("step", [*fixed, *outputs], self._group, *told)
        except ResponseError as refused:
            if "NOGROUP" not in str(refused):
                raise
            return 0  # the server lost the stream, and so the entries: nothing is ours to finish
        return done

    async def progress(self, channel: int, entry: "Entry") -> str:
        """Return how far an entry with very many outputs has come."""
        found = await self.connection.do("HGET", keys.progress(channel), entry.id)
        return found.decode() if found else ""

    async def _next(self, size: int) -> Batch | None:
        home = self.life.home
        self._turn = (self._turn + 1) % len(home)  # none of ours waits for another to be empty
        first = [*home[self._turn :], *home[: self._turn]]
        others = [k for k in range(self.life.crew.most_channels) if k not in home]
        for k in [*first, *others]:
            if batch := await self._read(k, size):
                return batch
        return await self._read(first[0], size, wait=IDLE)

    async def _read(self, k: int, size: int, *, wait: float | None = None) -> Batch | None:
        block = [] if wait is None else ["BLOCK", int(wait * 1000)]
        head = ["XREADGROUP", "GROUP", self._group, self.life.name, "COUNT", size, *block]
        try:
            answer = await self.connection.do(*head, "STREAMS", self._stream(k), ">")
        except ResponseError as refused:
            if "NOGROUP" not in str(refused):
                raise
            await self._join(k)
            return None
        entries = [self._known(*entry) for entry in answer[0][1]] if answer else []
        known = tuple(entry for entry in entries if entry)
        return Batch(k, known) if known else None

    def _known(self, entry_id: bytes, flat: list[bytes]) -> Entry | None:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        version = fields.get(b"v", b"none")
        if version == str(VERSION).encode():
            origin, reason = (fields.get(name, b"").decode() for name in (b"o", b"r"))
            return Entry(entry_id.decode(), int(fields[b"n"]), fields[b"d"], 0, origin, reason)
        if version not in self._unknown:
            self._unknown.add(version)
            said = version.decode(errors="replace")
            _log.error("left an entry of a format version not known here", version=said)
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
        streams = [self._stream(k), keys.alive(k), keys.suspects(k)]
        silence = SILENCE if self.life.knows_the_dead else NEVER
        arguments = (self._group, self.life.name, silence, VERSION)
        try:
            taken = await self.connection.run("takeover", streams, *arguments)
        except ResponseError as refused:
            if "NOGROUP" not in str(refused):
                raise
            await self._join(k)
            return None
        if taken is None:
            return None
        entry_id, n, value, tries, *said = taken
        known = (word.decode() for word in said)
        entry = Entry(entry_id.decode(), int(n), value, int(tries), *known)
        _log.info("took an entry over", channel=k, entry=entry.id, tries=entry.tries)
        return entry

    async def _join(self, k: int) -> None:
        command = ["XGROUP", "CREATE", self._stream(k), self._group, "0", "MKSTREAM"]
        try:
            await self.connection.do(*command)
        except ResponseError as refused:  # somebody else was faster
            if "BUSYGROUP" not in str(refused):
                raise
