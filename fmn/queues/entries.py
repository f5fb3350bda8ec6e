"""What an entry of a queue looks like: a version, a count, a value packed with msgpack.

A reader that does not know the version leaves the entry pending and says so (`reader.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from fmn.emission import Chunk, Handled, Learned, LogLine, Outcome
from fmn.errors import FmnError
from fmn.model import Message

VERSION = 1
PIECE = 1 << 20
"""Bytes of values in one call of a script, unless one step has more."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises of what is not in the shape it should be."""
V = TypeVar("V")


class UnreadableEntry(FmnError):
    """An entry of a queue cannot be read."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What an operator may mend and replay."""

    what: str
    """`undecodable`, `message`, `chunk` or `log line`; `dead letter` where it is none of ours."""
    where: str
    """The process that gave it up, or the lane."""
    why: str
    tries: int
    at: datetime
    """UTC."""
    entry: bytes
    """The value as it stood in the queue; of an undecodable message the first bytes."""
    origin: str = ""
    """Of a message: unchanged when it is replayed."""
    doubt: bool = False
    """Of a chunk: it may have gone out, and is counted as in doubt."""

    @property
    def counted(self) -> str:
        """How the ledger calls the notifications of a chunk."""
        return "doubt" if self.doubt else "dead"


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is read in place of a value where an entry's fields are none of ours."""

    malformed: str
    """Why."""
    fields: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Overflow:
    """When a chunk does not go into its lane, and where it goes instead."""

    retry: str
    """What waits there belongs to the lane."""
    mark: int
    """So many chunks fill a lane."""
    held: str


@dataclass(frozen=True, slots=True)
class Write:
    """One output of a fenced step."""

    key: str
    value: bytes
    n: int = 1
    """Notifications it stands for."""
    due: int | None = None
    """In so many seconds of the server's clock, into a retry zset; else at once, into a stream."""
    overflow: Overflow | None = None
    """None: it goes there however full it is."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key it may touch."""
        over = self.overflow
        return (self.key, over.retry, over.held) if over else (self.key,)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one entry: outputs and counts, in one unit with its acknowledgement."""

    id: str
    """Of the input; empty where there is none."""
    writes: tuple[Write, ...]
    counts: Mapping[str, int]
    progress: tuple[str, str] | None = None
    """How far an input of many outputs has come before and after; after its last step ''."""

    @property
    def is_last(self) -> bool:
        """Whether it acknowledges its input."""
        return not self.progress or not self.progress[1]


_encoder = msgspec.msgpack.Encoder()


def pack(value: Message | Chunk | LogLine | DeadLetter | Malformed) -> bytes:
    """Return a value as it travels."""
    if isinstance(value, LogLine):
        return _encoder.encode((type(value).__name__, value))
    return _encoder.encode(value)


def unpack(raw: bytes, shape: type[V]) -> V:
    """Return the value. Raises UnreadableEntry."""
    try:
        value = msgspec.msgpack.decode(raw, type=shape)
    except UNREADABLE as failed:
        raise UnreadableEntry(*_why(raw, shape, failed)) from None
    if isinstance(value, Chunk) and value.absent_since and not value.absent_since.tzinfo:
        raise UnreadableEntry("not a Chunk", "a time without a zone - at `$.absent_since`")
    return value


def _why(raw: bytes, shape: type, failed: Exception) -> tuple[object, ...]:
    with suppress(*UNREADABLE):
        return (msgspec.msgpack.decode(raw, type=Malformed).malformed,)
    return f"not a {shape.__name__}", failed


def unpack_line(raw: bytes) -> LogLine:
    """Return a line of the log. Raises UnreadableEntry."""
    name, rest = unpack(raw, tuple[str, msgspec.Raw])
    shapes: dict[str, Any] = {"Handled": Handled, "Outcome": Outcome, "Learned": Learned}
    if name not in shapes:
        raise UnreadableEntry(f"{name!r} is no line of the log")
    line: LogLine = unpack(bytes(rest), shapes[name])
    return line


def pieces(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps in their order, so many at a time that the server is not held up by them.

    A script of 30 MB held it for 124 ms (measured).
    """
    piece, size = list[Step](), 0
    for step in steps:
        weight = sum(len(write.value) for write in step.writes)
        if piece and size + weight > PIECE:
            yield piece
            piece, size = [], 0
        piece.append(step)
        size += weight
    if piece:
        yield piece


def arguments(steps: list[Step]) -> tuple[list[str], list[bytes]]:
    """Return the output keys and the arguments of `step.lua`: the steps, then their values.

    Keys and values are named by their place, counted from 1.
    """
    outputs = sorted({key for step in steps for write in step.writes for key in write.keys})
    place = {key: at for at, key in enumerate(outputs, 1)}
    values: list[bytes] = []

    def told(write: Write) -> tuple[object, ...]:
        values.append(write.value)
        due = False if write.due is None else write.due
        over = write.overflow
        full = (place[over.retry], over.mark, place[over.held]) if over else False
        return place[write.key], VERSION, write.n, len(values), due, full

    plan = [
        (s.id, [told(w) for w in s.writes], list(s.counts.items()), s.progress or False)
        for s in steps
    ]
    return outputs, [msgspec.json.encode(plan), *values]
