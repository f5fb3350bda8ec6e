"""Purging: taking all for some destinations out of every queue, when an account is deleted."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from fmn.emission import Chunk, Learned, Outcome, Recipient
from fmn.model import split_key
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.entries import (
    VERSION,
    DeadLetter,
    UnreadableEntry,
    pack,
    unpack,
    unpack_line,
)
from fmn.queues.fields import Fields
from fmn.queues.figures import most_channels
from fmn.queues.held import GROUP as HELD_GROUP

PAGE = 100
"""Entries to look at in one round trip; a chunk may be tens of kilobytes."""

ERASED = "the reason was erased with an account"


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of a value without some recipients, and how many notifications went."""

    value: bytes
    """Empty where nobody is left."""
    n: int
    went: int
    counts: Mapping[str, int]


Judge = Callable[[bytes], _Left | None]
"""Tells what is left of a value; None where nothing of it goes."""


async def purge(connection: Connection, destinations: frozenset[str]) -> int:
    """Take recipients at these destinations out of lanes, retries and dead letters; say how many.

    What is held in SQL is not among these: that is for `storage.held.erase`.

    Each notification is counted as suppressed, reason `deleted`, so the ledger stays exact. What a
    sender has in hand at this moment is left to it: purge again later.
    """
    purging = _Purging(connection, destinations)
    return sum([await purging.channel(k) for k in range(await most_channels(connection))])


@dataclass(frozen=True, slots=True)
class _Purging:
    connection: Connection
    destinations: frozenset[str]

    async def channel(self, k: int) -> int:
        went = 0
        for name in await self.connection.do("HKEYS", keys.counts(k)):
            made, _, kind = name.decode().partition(" ")
            if made == "made":
                # Retries first: what becomes due meanwhile is found in the lane.
                went += await self._retries(k, keys.retry(k, kind))
                went += await self._stream(k, keys.outbox(k, kind), "senders", self._chunk)
        went += await self._stream(k, keys.held(k), HELD_GROUP, self._chunk)
        return went + await self._stream(k, keys.dead(k), "-", self._letter)

    async def _stream(self, k: int, stream: str, group: str, judge: Judge) -> int:
        went = 0
        async for entry, fields in _entries(self.connection, stream):
            left = judge(fields.value) if fields.unknown is None else None
            if left:
                told = (entry, left.value, _said(left), group, VERSION, left.n)
                done: int = await self.connection.run("purge", [stream, keys.counts(k)], *told)
                went += done * left.went
        return went

    async def _retries(self, k: int, zset: str) -> int:
        went = 0
        async for member in _members(self.connection, zset):
            head, _, value = member.partition(b"\n")
            unique, version, *_ = [*head.split(b" "), b""]
            left = self._chunk(value) if version == b"%d" % VERSION else None
            if left:
                rest = b"%b %d %d\n%b" % (unique, VERSION, left.n, left.value)
                told = (member, rest if left.value else b"", _said(left))
                done: int = await self.connection.run("purge", [zset, keys.counts(k)], *told)
                went += done * left.went
        return went

    def _chunk(self, value: bytes) -> _Left | None:
        try:
            chunk = unpack(value, Chunk)
        except UnreadableEntry:
            return None  # its reader makes a dead letter of it
        stay = tuple(to for to in chunk.recipients if not self._is_for(to))
        if len(stay) == len(chunk.recipients):
            return None
        rest = replace(chunk, recipients=stay)
        went = chunk.notifications - rest.notifications
        counts = {f"suppressed {chunk.content.kind} deleted": went}
        return _Left(pack(rest) if stay else b"", rest.notifications, went, counts)

    def _letter(self, value: bytes) -> _Left | None:
        try:
            letter = unpack(value, DeadLetter)
        except UnreadableEntry:
            return None
        if letter.what == "log line":
            return self._line(letter)
        left = self._chunk(letter.entry) if letter.what == "chunk" else None
        if not left:
            return None
        # It was counted as dead, and is not any more.
        lane = unpack(letter.entry, Chunk)
        counts = {**left.counts, f"{letter.counted} {lane.content.kind}": -left.went}
        # The reason is that of its first recipient, whose address it may quote.
        why = ERASED if self._is_for(lane.recipients[0]) else letter.why
        rest = pack(replace(letter, entry=left.value, why=why)) if left.value else b""
        return replace(left, value=rest, counts=counts)

    def _line(self, letter: DeadLetter) -> _Left | None:
        """Return nothing of what was said of them, for it may quote the address."""
        try:
            line = unpack_line(letter.entry)
        except UnreadableEntry:
            return None
        theirs = (isinstance(line, Outcome) and split_key(line.key)[1] in self.destinations) or (
            isinstance(line, Learned) and line.destination in self.destinations
        )
        return _Left(b"", 0, 0, {}) if theirs else None

    def _is_for(self, recipient: Recipient) -> bool:
        return any(split_key(key)[1] in self.destinations for key in recipient.keys)


def _said(left: _Left) -> bytes:
    return msgspec.json.encode(list(left.counts.items()))


async def _entries(connection: Connection, stream: str) -> AsyncIterator[tuple[bytes, Fields]]:
    """Yield id and fields of each entry, also of those that come meanwhile."""
    start = b"-"
    while page := await connection.do("XRANGE", stream, start, "+", "COUNT", PAGE):
        for entry, flat in page:
            yield entry, Fields.of(flat)
        start = b"(" + page[-1][0]


async def _members(connection: Connection, zset: str) -> AsyncIterator[bytes]:
    """Yield each member, some perhaps twice."""
    cursor: bytes | None = b"0"
    while cursor is not None:
        cursor, flat = await connection.do("ZSCAN", zset, cursor, "COUNT", PAGE)
        for member in flat[::2]:
            yield member
        cursor = None if cursor == b"0" else cursor
