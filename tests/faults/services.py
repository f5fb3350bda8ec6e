"""Services that can be away: stopped, and later started again where they were."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fmn import config
from fmn.bus.bus import open_bus
from fmn.queues.embedded import server
from tests.peers.redis import redis_server
from tests.peers.smtp import Mail, Smtp, mail_server


@dataclass(frozen=True)
class Service:
    """One that can be stopped and started, and who says so."""

    stop: Callable[[], None]
    start: Callable[[], None]
    concerns: dict[str, str]
    """Process → the check of it that fails."""
    needs_work: bool = False
    """Nobody notices before there is something to do."""
    is_bus: bool = False
    """Nothing can be published meanwhile."""


@dataclass
class Queues:
    """A Valkey server; what it holds stays in its append-only file."""

    folder: Path
    url: str = ""
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self.url = self._running.enter_context(redis_server(str(server()), self.folder))

    def stop(self) -> None:
        self._running.close()


@dataclass
class Mails:
    """A mail server, and all it ever got."""

    port: int
    _all: list[Smtp] = field(default_factory=list)
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self._all.append(self._running.enter_context(mail_server(port=self.port)))

    def stop(self) -> None:
        self._running.close()

    @property
    def mails(self) -> list[Mail]:
        return [mail for server in self._all for mail in server.mails]


async def published(url: str, queue: str, names: list[str], text: str = "") -> None:
    """Put a message of each name on the bus, confirmed."""
    settings = config.Bus.model_validate({"url": url, "queue": queue})
    facts = [{"id": name, "topic": "a.b", "summary": name, "text": text} for name in names]
    lines = [json.dumps(fact).encode() for fact in facts]
    async with asyncio.timeout(60), open_bus(settings, lambda *_: None) as bus:
        assert await bus.publish(lines) == len(names)
