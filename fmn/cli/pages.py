"""The pages put together: what they ask of the queues, queues, report and rendering answer."""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from fmn.cli.queues import letter_as_json
from fmn.cli.settings import Site
from fmn.config import Settings, Web
from fmn.directory.snapshot import Directory
from fmn.errors import Unavailable
from fmn.links import Links
from fmn.model import Message, Notification, Origin
from fmn.preferences.defaults import read_defaults
from fmn.queues.connection import Connection
from fmn.queues.crew import processes
from fmn.queues.dead import dead_letters, drop, replay
from fmn.queues.figures import channels, figures
from fmn.queues.limits import allowed
from fmn.queues.nudge import nudge
from fmn.queues.outgoing import put
from fmn.queues.purge import purge
from fmn.render.content import Templates, Told, log_fault
from fmn.report.gathered import ledger_of, load_of
from fmn.storage.engine import Engine, reading
from fmn.web.parts import Parts

DEAD = 200
"""Dead letters that a page shows."""
LOOK = 2.0
"""Seconds between two looks whether all is there."""


@dataclass(frozen=True)
class QueuesOfPages:
    """The queues as the pages know them; `fmn.web.parts.Queues` says what each is for."""

    connection: Connection
    templates: Templates
    channels: int
    """N where nobody has set it yet."""

    async def nudge(self, version: int) -> None:
        await nudge(self.connection, version)

    async def tell(self, message: Message, notification: Notification) -> None:
        k = random.SystemRandom().randrange(await self._channels())
        origin = Origin(f"{k}/{message.id}")
        await put(self.connection, k, self.templates.render(message, [notification], origin))

    async def purge(self, destinations: frozenset[str]) -> int:
        return await purge(self.connection, destinations)

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        return await allowed(self.connection, what, who, times=times, within=within)

    async def load(self) -> Mapping[str, Any]:
        return load_of(await figures(self.connection), await self._channels()).as_json()

    async def ledger(self) -> Mapping[str, Any]:
        found = ledger_of(await figures(self.connection))
        return replace(found, durability=str(self.connection.durability)).as_json()

    async def dead_letters(self) -> list[Mapping[str, Any]]:
        shown: list[Mapping[str, Any]] = []
        async for name, letter in dead_letters(self.connection):
            shown.append(letter_as_json(name, letter))
            if len(shown) == DEAD:
                break
        return shown

    async def replay(self, letter: str) -> bool:
        return await replay(self.connection, letter)

    async def drop(self, letter: str) -> bool:
        return await drop(self.connection, letter)

    async def processes(self) -> list[tuple[str, float]]:
        return await processes(self.connection)

    async def _channels(self) -> int:
        return await channels(self.connection) or self.channels


class Sight:
    """Whether the pages can reach what they need, looked at every few seconds."""

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine
        self.redis = False
        self.storage = False

    async def follow(self) -> None:
        """Look until cancelled."""
        while True:
            self.redis = await _answers(self._connection.do("PING"))
            self.storage = await _answers(self._read())
            await asyncio.sleep(LOOK)

    async def _read(self) -> None:
        async with reading(self._engine):
            pass


def parts_of(site: Site, connection: Connection, engine: Engine, directory: Directory) -> Parts:
    """Return what the pages of this site are made of. Raises ConfigError, PreferencesError."""
    settings, web, kinds = site.settings, site.settings.web, site.uses()
    return Parts(
        settings=web,
        engine=engine,
        filters=site.filters,
        kinds=kinds,
        push_key=getattr(kinds.get("push"), "public_key", ""),
        directory=directory,
        queues=QueuesOfPages(connection, templates_of(settings), settings.queues.channels),
        links=links_of(web),
        defaults=read_defaults(
            Path(web.defaults).read_text() if web.defaults else None,
            where=web.defaults or "the built-in default rules",
            filters=site.filters,
            senders=site.senders,
        ),
    )


def templates_of(settings: Settings, tell: Told = log_fault) -> Templates:
    """Return the templates, which know the links of this site."""
    return Templates(settings.templates.folder, links_of(settings.web), tell=tell)


def links_of(web: Web) -> Links:
    """Return what signs the links of this site; without address or secret there are none."""
    return Links(web.url, web.secret.get_secret_value(), web.links)


async def _answers(asked: Coroutine[Any, Any, object]) -> bool:
    try:
        await asked
    except Unavailable:
        return False
    return True
