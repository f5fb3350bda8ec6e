"""Where the AMQP server is and how to get in: our settings, else fedora-messaging's file."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedora_messaging.config import LazyConfig
from fedora_messaging.exceptions import ConfigurationException
from yarl import URL

from fmn import config
from fmn.errors import ConfigError

Binding = tuple[str, str]
"""Exchange and routing key."""


@dataclass(frozen=True, slots=True)
class Access:
    """All that it takes to get messages."""

    url: URL
    tls: ssl.SSLContext | None
    bindings: tuple[Binding, ...]
    passive: bool
    """Somebody else makes the queue."""

    @property
    def exchange(self) -> str:
        """Where to publish."""
        return self.bindings[0][0] if self.bindings else "amq.topic"

    @property
    def shown(self) -> str:
        """Where it is, without what is secret."""
        return str(self.url.with_password(None).with_query(None))


def access(settings: config.Bus) -> Access:
    """Return how to get at messages.

    With `url` all is ours. Without, fedora-messaging's configuration says where, with which
    certificates, and what to bind, unless `exchange` or `routing_keys` are set. Raises ConfigError.
    """
    ours = tuple((settings.exchange, key) for key in settings.routing_keys)
    if url := settings.url.get_secret_value():
        return Access(_url(url, "bus.url"), None, ours, passive=False)
    theirs = _fedora_messaging(settings.fedora_messaging)
    bindings = ours if {"exchange", "routing_keys"} & settings.model_fields_set else _bound(theirs)
    url_there = _url(theirs["amqp_url"], "amqp_url of fedora-messaging's configuration")
    url_there = url_there.with_query({k: v for k, v in url_there.query.items() if k == "heartbeat"})
    tls = _tls(theirs["tls"]) if url_there.scheme == "amqps" else None
    if tls and theirs["tls"].get("certfile"):
        url_there = url_there.update_query(auth="external")
    return Access(url_there, tls, bindings, passive=theirs["passive_declares"])


def _fedora_messaging(path: str) -> Mapping[str, Any]:
    where = path or "fedora-messaging's configuration"
    if path and not Path(path).exists():
        raise ConfigError("bus.fedora_messaging", f"there is no file {path}")
    try:  # their configuration without a path: FEDORA_MESSAGING_CONF, else its usual place
        return LazyConfig().load_config(path or None)
    except ConfigurationException as refused:
        raise ConfigError(where, refused.message) from None
    except (OSError, UnicodeDecodeError) as failed:
        raise ConfigError(where, failed) from None


def _bound(theirs: Mapping[str, Any]) -> tuple[Binding, ...]:
    return tuple(
        (one["exchange"], key) for one in theirs["bindings"] for key in one["routing_keys"]
    )


def _url(text: str, where: str) -> URL:
    # The text is not shown: it may hold a password.
    expected = "expected amqp://user:password@host:port/vhost, or amqps://"
    try:
        url = URL(text)
        if url.scheme not in {"amqp", "amqps"}:
            raise ConfigError(where, expected)
        if url.host:
            return url.with_port(url.port)
        return URL.build(scheme=url.scheme, host="localhost", path=url.path or "/", query=url.query)
    except ValueError:
        raise ConfigError(where, expected) from None


def _tls(files: Mapping[str, str | None]) -> ssl.SSLContext:
    certificate, key = files.get("certfile"), files.get("keyfile")
    try:
        context = ssl.create_default_context(cafile=files.get("ca_cert"))
        if certificate and key:
            context.load_cert_chain(certificate, key)
    except OSError as failed:  # ssl's errors are OSErrors
        named = ", ".join(name for name in (files.get("ca_cert"), certificate, key) if name)
        raise ConfigError(f"tls of fedora-messaging's configuration ({named})", failed) from None
    return context
