"""A publisher that writes its frames by hand, because no library sends what is malformed."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pamqp import commands, frame
from pamqp.header import ProtocolHeader

from tests.peers import PATIENCE

CONTENT, BODY, END = 2, 3, b"\xce"
"""Types of frames, and how each ends."""
CHUNK = 100_000
"""Bytes of a body in one frame: less than any server's limit."""


@dataclass(frozen=True)
class Raw:
    """A message as its bytes: nothing of it needs to be valid."""

    topic: bytes
    properties: bytes
    """From the flags on."""
    body: bytes


class Publisher:
    """A connection with one channel, that waits for what the server confirms."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._read = b""
        self._published = 0

    def publish(self, exchange: str, messages: Sequence[Raw]) -> None:
        """Return once the server has them all."""
        self._stream.sendall(b"".join(_frames(exchange, one) for one in messages))
        waiting = set(range(self._published + 1, self._published + len(messages) + 1))
        self._published += len(messages)
        while waiting:
            answer = self._answer()
            assert isinstance(answer, commands.Basic.Ack), f"{answer.name}: {dict(answer)}"
            to = answer.delivery_tag
            waiting -= {one for one in waiting if one <= to} if answer.multiple else {to}

    def open(self, user: str, password: str) -> None:
        """Log in, open the channel."""
        self._stream.sendall(ProtocolHeader().marshal())
        self._answer()
        response = f"\0{user}\0{password}"
        start = commands.Connection.StartOk({}, "PLAIN", response, "en_US")
        tune = self._asked(start, 0)
        self._say(commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0), 0)
        self._asked(commands.Connection.Open("/"), 0)
        self._asked(commands.Channel.Open(), 1)
        self._asked(commands.Confirm.Select(), 1)

    def _asked(self, method: Any, channel: int) -> Any:
        self._say(method, channel)
        return self._answer()

    def _say(self, method: Any, channel: int) -> None:
        self._stream.sendall(frame.marshal(method, channel))

    def _answer(self) -> Any:
        while len(self._read) < 7 or len(self._read) < self._size():
            more = self._stream.recv(65536)
            assert more, "the server hung up"
            self._read += more
        size, _, answer = frame.unmarshal(self._read[: self._size()])
        self._read = self._read[size:]
        return answer

    def _size(self) -> int:
        size: int = struct.unpack_from(">I", self._read, 3)[0]
        return size + 8


@contextmanager
def publisher(port: int) -> Iterator[Publisher]:
    """Connect to the server on this port until the block ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as stream:
        made = Publisher(stream)
        made.open("guest", "guest")
        yield made


def short(raw: bytes) -> bytes:
    """Return a short string of AMQP, of any bytes."""
    return bytes([min(len(raw), 255)]) + raw[:255]


def long(raw: bytes) -> bytes:
    """Return a long string, a table or a list of AMQP, of any bytes."""
    return struct.pack(">I", len(raw)) + raw


def _frames(exchange: str, one: Raw) -> bytes:
    put = struct.pack(">HHH", 60, 40, 0) + short(exchange.encode()) + short(one.topic) + b"\0"
    head = struct.pack(">HHQ", 60, 0, len(one.body)) + one.properties
    parts = [one.body[at : at + CHUNK] for at in range(0, len(one.body), CHUNK)]
    pairs = [(1, put), (CONTENT, head), *((BODY, part) for part in parts)]
    return b"".join(struct.pack(">BHI", kind, 1, len(raw)) + raw + END for kind, raw in pairs)
