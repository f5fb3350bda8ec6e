"""Frames of AMQP that the library cannot read: what is not UTF-8, times that no calendar has.

The library drops a connection with the first such frame. The server sends the message again, and
nothing behind it ever comes. So every frame of a delivery is looked at before the library has it:
what cannot be read of it is taken out, and noted where a fact of the message stood there.
"""

import asyncio
import struct
from typing import Any, Final

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp import constants, decode
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from yarl import URL

from fmn.errors import UndecodableMessage

HEAD = 7
"""Bytes before a frame's payload: type, channel, size. Behind it stands one."""

DELIVER = struct.pack(">HH", Basic.Deliver.frame_id, Basic.Deliver.index & 0xFFFF)
CONTENT = struct.pack(">H", Basic.frame_id)

READ = ("content_type", "content_encoding", "headers", "message_id")
"""The properties that facts are made of."""


class Frames(TransportFactory):
    """Makes the transport of one connection, on which one channel reads."""

    def __init__(self) -> None:
        self._unreadable: Final[dict[int | None, str]] = {}
        """Delivery → why it is no message."""

    def check(self, delivery: int | None) -> None:
        """Raise UndecodableMessage where a fact of this delivery could not be read; once."""
        if why := self._unreadable.pop(delivery, None):
            raise UndecodableMessage(why)

    async def create(
        self,
        url: URL,
        **kwargs: Any,  # noqa: ANN401  # as the library has it
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as the library does; what comes can be read."""
        usual = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await usual.create(url, **kwargs)
        return _Readable(reader, self._unreadable), writer


class _Readable(asyncio.StreamReader):
    """The frames of another reader, one after the other."""

    def __init__(self, arriving: asyncio.StreamReader, unreadable: dict[int | None, str]) -> None:
        super().__init__()
        self._arriving = arriving
        self._unreadable = unreadable
        self._left = 0
        """Bytes of a frame that nobody has read yet."""
        self._delivery = 0

    def at_eof(self) -> bool:
        return not self._left and self._arriving.at_eof()

    async def readexactly(self, n: int) -> bytes:
        if not self._left:
            frame = await self._frame()
            self.feed_data(frame)
            self._left = len(frame)
        self._left -= n
        return await super().readexactly(n)

    async def _frame(self) -> bytes:
        head = await self._arriving.readexactly(HEAD)
        kind, channel, size = struct.unpack(">BHI", head)
        payload = await self._arriving.readexactly(size + 1)
        mended = self._mended(kind, payload[:-1])
        if mended is None:
            return head + payload
        return struct.pack(">BHI", kind, channel, len(mended)) + mended + payload[-1:]

    def _mended(self, kind: int, payload: bytes) -> bytes | None:
        """Return what the library can read in place of this, or None where it can read this."""
        if kind == constants.FRAME_METHOD and payload.startswith(DELIVER):
            return self._deliver(payload)
        if kind == constants.FRAME_HEADER and payload.startswith(CONTENT):
            return None if _can_read(payload) else self._content(payload)
        return None

    def _deliver(self, payload: bytes) -> bytes | None:
        number = len(DELIVER) + 1 + payload[len(DELIVER)]  # behind the consumer's tag
        exchange = number + 9  # behind a flag
        topic = exchange + 1 + payload[exchange]
        (self._delivery,) = struct.unpack_from(">Q", payload, number)
        if _is_text(payload[exchange + 1 : topic]) and _is_text(payload[topic + 1 :]):
            return None
        kept = payload[topic:] if self._holds("routing key", "shortstr", payload[topic:]) else b"\0"
        return payload[:exchange] + b"\0" + kept

    def _content(self, payload: bytes) -> bytes:
        _, _, size, given = struct.unpack_from(">HHQH", payload)
        flags, kept, at = 0, b"", struct.calcsize(">HHQH")
        for name, flag in Basic.Properties.flags.items():
            if not given & flag:
                continue
            kind = Basic.Properties.amqp_type(name)
            value = payload[at : at + _length(kind, payload, at)]
            at += len(value)
            if name in READ and self._holds(name, kind, value):
                flags, kept = flags | flag, kept + value
        return struct.pack(">HHQH", Basic.frame_id, 0, size, flags) + kept

    def _holds(self, name: str, kind: str, value: bytes) -> bool:
        try:
            decode.by_type(value, kind)
        except Exception as failed:  # noqa: BLE001  # whatever it is, the next one comes
            why = f"AMQP's {name.replace('_', ' ')} cannot be read: {failed}"
            self._unreadable.setdefault(self._delivery, why)
            return False
        return True


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _can_read(payload: bytes) -> bool:
    try:
        ContentHeader().unmarshal(payload)
    except Exception:  # noqa: BLE001  # whatever it is, the library would drop the connection
        return False
    return True


def _length(kind: str, payload: bytes, at: int) -> int:
    """Return the bytes of a property, whether it can be read or not."""
    if kind == "shortstr":
        return 1 + payload[at]
    if kind == "table":
        return 4 + int.from_bytes(payload[at : at + 4])
    return {"octet": 1, "timestamp": 8}[kind]
