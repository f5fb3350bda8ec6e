"""fedora-messaging's messages as facts, by the properties of their schema class and by headers.

Classes are found by their entry points and are not asked to validate (that is slow). The library's
own registry and configuration are left alone: they are global, load every package at once and log
each odd message.
"""

import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib.metadata import entry_points
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NoReturn

from fedora_messaging.message import Message as Schema

from fmn.bus.envelope import Envelope, utc
from fmn.errors import UndecodableMessage
from fmn.exact import INT_DIGITS
from fmn.model import Message, Severity

PREFIX = "fedora_messaging_"
ARTIFACTS = (
    ("packages", "rpm", "rpms"),
    ("containers", "container", "containers"),
    ("modules", "module", "modules"),
    ("flatpaks", "flatpak", "flatpaks"),
)
"""Property of a schema class, word in a header, type of artifact."""


class Fedora:
    """Makes messages of envelopes; `warn(schema or topic, property)` hears what was left out."""

    def __init__(self, warn: Callable[[str, str], None]) -> None:
        self._warn = warn
        self._points = {point.name: point for point in entry_points(group="fedora.messages")}
        self._schemas: dict[str, type[Schema]] = {}

    def message(self, envelope: Envelope) -> Message:
        """Return the facts. Raises UndecodableMessage where the body is no JSON object."""
        content = _content(envelope.body)
        # A class may warn whoever loads or makes it, say that it is old: nothing we could mend.
        with warnings.catch_warnings(action="ignore"):
            return self._facts(envelope, content)

    def _facts(self, envelope: Envelope, content: dict[str, Any]) -> Message:
        schema = self._schema(envelope.headers.get(f"{PREFIX}schema"))
        name = envelope.topic if schema is Schema else envelope.headers[f"{PREFIX}schema"]
        warn = partial(self._warn, name)
        headers = _Headers(envelope.headers, warn)
        make = partial(_make, envelope, content, headers.severity)
        properties = _Properties(schema, make, warn)
        return Message(
            id=envelope.id,
            topic=envelope.topic,
            app=properties.text("app_name"),
            agent=properties.name("agent_name"),
            users=properties.names("usernames") | headers.names["user"],
            groups=properties.names("groups") | headers.names["group"],
            artifacts=frozenset(
                f"{kind}/{artifact}"
                for listed, word, kind in ARTIFACTS
                for artifact in properties.names(listed) | headers.names[word]
            ),
            severity=headers.severity,
            summary=properties.text("summary") or "",
            text=properties.long_text(),
            url=properties.text("url"),
            sent_at=headers.sent_at(),
            private=bool(envelope.headers.get("fmn_private")),
            body=envelope.body,
        )

    def _schema(self, name: object) -> type[Schema]:
        if not isinstance(name, str) or name not in self._points:
            return Schema
        if name not in self._schemas:
            self._schemas[name] = self._loaded(name)
        return self._schemas[name]

    def _loaded(self, name: str) -> type[Schema]:
        try:
            found: type[Schema] = self._points[name].load()
        except Exception:  # noqa: BLE001  # another's package; the message goes on without it
            self._warn(name, "import")
            return Schema
        return found


class _Headers:
    def __init__(self, headers: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self._headers = headers
        self._warn = warn
        self.names = _names_in(headers)
        self.severity = self._severity()

    def _severity(self) -> Severity:
        given = self._headers.get(f"{PREFIX}severity")
        try:
            return Severity.INFO if given is None else Severity(given)
        except ValueError:
            self._warn("severity")
            return Severity.INFO

    def sent_at(self) -> datetime | None:
        given = self._headers.get("sent-at")
        try:
            return None if given is None else utc(given)
        except (ValueError, TypeError):
            self._warn("sent-at")
            return None


class _Properties:
    """What a schema class tells of a message. What raises is absent."""

    def __init__(
        self,
        schema: type[Schema],
        make: Callable[[type[Schema]], Schema],
        warn: Callable[[str], None],
    ) -> None:
        self._warn = warn
        self._made = self._read("init", partial(make, schema)) or make(Schema)

    def text(self, name: str) -> str | None:
        value = self._read(name, partial(attrgetter(name), self._made))
        return value if isinstance(value, str) and value else None

    def name(self, name: str) -> str | None:
        return next(iter(_names([self.text(name)])), None)

    def names(self, name: str) -> frozenset[str]:
        value = self._read(name, partial(attrgetter(name), self._made))
        return _names(value if isinstance(value, list | tuple | set | frozenset) else ())

    def long_text(self) -> str:
        # Of a message without a schema the library would write all headers and the whole body.
        known = type(self._made) is not Schema
        return self._read("text", partial(str, self._made)) or "" if known else ""

    def _read(self, name: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever it is
        try:
            return read()
        except Exception:  # noqa: BLE001  # it happens with valid messages; bodies are not checked
            self._warn(name)
            return None


def _make(
    envelope: Envelope, content: dict[str, Any], severity: Severity, schema: type[Schema]
) -> Schema:
    # The three that the library reads of AMQP's properties; without them it invents an id.
    headers = dict(envelope.headers)
    properties: Any = SimpleNamespace(headers=headers, message_id=envelope.id, priority=None)
    return schema(body=content, topic=envelope.topic, properties=properties, severity=severity)


def _names_in(headers: Iterable[str]) -> Mapping[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for header in headers:
        if header.startswith(PREFIX):
            word, _, name = header.removeprefix(PREFIX).partition("_")
            found[word].add(name)
    return defaultdict(frozenset, {word: _names(names) for word, names in found.items()})


def _names(values: Iterable[object]) -> frozenset[str]:
    # "None" is the name a careless publisher writes for nobody.
    return frozenset(v for v in values if isinstance(v, str) and v not in ("", "None"))


def _content(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode(), parse_int=_integer, parse_constant=_refuse)
    except ValueError as failed:
        raise UndecodableMessage(f"the body is not JSON: {failed}") from None
    if not isinstance(content, dict):
        raise UndecodableMessage("the body is not a JSON object")
    return content


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < INT_DIGITS else Decimal(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"there is no {constant}")
