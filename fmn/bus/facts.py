"""Messages as they come, made into facts."""

import codecs
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from pamqp import encode

from fmn import config
from fmn.bus.envelope import Envelope, identity, utf8
from fmn.bus.fedora import Fedora
from fmn.bus.plain import Facts
from fmn.errors import UndecodableMessage
from fmn.model import Message, MessageId, Undecodable
from fmn.rules.glob import Globs

FACTS = "application/vnd.fmn.facts+json"
"""Content type of plain facts over AMQP: the body is the line of a file."""

ROOM = 64 * 1024
"""Bytes that a line of a file may have beside the body."""

HEAD = 1024
"""Bytes kept of what cannot be decoded."""

SHORT, NAME, TABLE = 255, 128, 100_000
"""Bytes that AMQP has for a topic or an id, for the name of a header, for all headers."""

ENCODINGS = {"utf-8", "ascii", "iso8859-1", "utf-16", "utf-32"}
"""How JSON may be written. Python's other codecs are no encodings, or slow on chosen input."""


class _Line(msgspec.Struct):
    """What both forms share; `headers` tells which it is."""

    topic: str
    id: str | None = None
    headers: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    body: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Publication:
    """A line of a file as it goes over AMQP."""

    topic: str
    id: MessageId
    headers: Mapping[str, Any]
    content_type: str
    body: bytes


class Decoder:
    """Makes messages of what comes. Whatever comes: a Message, or UndecodableMessage is raised.

    `warn(schema, property)` is called for each fact left out because reading it raised; a message
    without a known schema is named by its topic.
    """

    def __init__(self, settings: config.Bus, *, warn: Callable[[str, str], None]) -> None:
        self._max_body = settings.max_body
        self._private = Globs(settings.private_topics)
        self._fedora = Fedora(warn)

    def line(self, raw: bytes) -> Message:
        """Decode a line of a file: plain facts, or with `headers` a fedora-messaging message.

        Raises UndecodableMessage.
        """
        with _reading():
            return self._message(*self._opened(raw))

    def delivery(  # noqa: PLR0913  # AMQP has this many properties that matter
        self,
        body: bytes,
        *,
        topic: str,
        message_id: str | None = None,
        headers: Mapping[str, Any] | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
    ) -> Message:
        """Decode what came over AMQP: plain facts by their content type, else fedora-messaging's.

        Raises UndecodableMessage.
        """
        if content_type == FACTS:
            return self.line(body)
        with _reading():
            self._bound(body, self._max_body)
            body = utf8(_recoded(body, content_encoding or "utf-8"))
            return self._from_fedora(message_id, topic, headers or {}, body)

    def publication(self, raw: bytes) -> Publication:
        """Return a line of a file as it goes over AMQP. Raises UndecodableMessage."""
        with _reading():
            raw, line = self._opened(raw)
            message = self._message(raw, line)
        if isinstance(line.headers, msgspec.UnsetType):
            return _fitting(Publication(message.topic, message.id, {}, FACTS, raw))
        json = "application/json"
        return _fitting(Publication(message.topic, message.id, line.headers, json, message.body))

    def _opened(self, raw: bytes) -> tuple[bytes, _Line]:
        self._bound(raw, self._max_body + ROOM)
        raw = utf8(raw)
        return raw, msgspec.json.decode(raw, type=_Line)

    def _message(self, raw: bytes, line: _Line) -> Message:
        if isinstance(line.headers, msgspec.UnsetType):
            return self._marked(msgspec.json.decode(raw, type=Facts).message())
        if isinstance(line.body, msgspec.UnsetType):
            raise UndecodableMessage("Object missing required field `body`")
        self._bound(line.body, self._max_body)
        return self._from_fedora(line.id, line.topic, line.headers, bytes(line.body))

    def _from_fedora(
        self, given: str | None, topic: str, headers: Mapping[str, Any], body: bytes
    ) -> Message:
        envelope = Envelope(identity(given, topic, headers, body), topic, headers, body)
        return self._marked(self._fedora.message(envelope))

    def _bound(self, raw: bytes | msgspec.Raw, most: int) -> None:
        if len(memoryview(raw)) > most:
            raise UndecodableMessage(f"too large: more than the {self._max_body} of bus.max_body")

    def _marked(self, message: Message) -> Message:
        if message.private or not self._private.match(message.topic):
            return message
        return replace(message, private=True)


def undecodable(raw: bytes, failed: UndecodableMessage, where: str = "") -> Undecodable:
    """Return what is kept of a message that cannot be decoded: its head and the reason."""
    return Undecodable(raw[:HEAD], where + ": ".join(map(str, failed.args)))


def _fitting(publication: Publication) -> Publication:
    for name, value in (("id", publication.id), ("topic", publication.topic)):
        if len(value.encode()) > SHORT:
            raise UndecodableMessage(f"AMQP takes {SHORT} bytes - at `$.{name}`")
    headers = dict(publication.headers)
    try:
        size = len(encode.field_table(headers))
    except (TypeError, ValueError, OverflowError, RecursionError, struct.error) as failed:
        raise UndecodableMessage(f"AMQP does not take this: {failed} - at `$.headers`") from None
    if size > TABLE or any(len(name.encode()) > NAME for name in headers):
        raise UndecodableMessage("AMQP takes no headers this long - at `$.headers`")
    return publication


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except msgspec.DecodeError as failed:
        raise UndecodableMessage(str(failed)) from None
    except RecursionError:
        raise UndecodableMessage("JSON is nested too deeply") from None


def _recoded(body: bytes, encoding: str) -> bytes:
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if name not in ENCODINGS:
        raise UndecodableMessage(f"content encoding {encoding!r} is not one of JSON's")
    try:
        return body if name == "utf-8" else body.decode(name).encode()
    except UnicodeError as failed:
        raise UndecodableMessage(f"not {name}: {failed}") from None
