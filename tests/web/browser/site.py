"""A furnished site for a real browser: the application behind a real server, people, history."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext
from pydantic import SecretStr

from fmn.cli.settings import filter_kinds
from fmn.config import Web
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.links import Links
from fmn.preferences.defaults import Defaults
from fmn.preferences.values import Preferences
from fmn.storage.engine import Engine, open_engine, reading
from fmn.storage.preferences import load_user
from fmn.storage.schema import upgrade
from fmn.web.app import create_app
from fmn.web.parts import Parts
from fmn.web.sessions import COOKIE, start
from tests.web.browser import samples
from tests.web.crawl import crawled
from tests.web.fakes import FakeQueues, some_kinds
from tests.web.people import account_of

SIGNING = "what the tests sign links with: long enough"
WIDE = (1280, 800)


@dataclass(frozen=True)
class Site:
    """Where the application listens, and what it is made of."""

    url: str
    parts: Parts
    app: FastAPI

    async def paths(self, secret: str) -> list[str]:
        """Return one path of each page that somebody signed in can reach."""
        async with httpx.AsyncClient(base_url=self.url, cookies={COOKIE: secret}) as client:
            return [at.path for at in await crawled(client) if at.is_page]

    async def secret_of(self, name: str, *, admin: bool = False) -> str:
        """Start a session of this user; return what belongs into the cookie."""
        return await start(self.parts, (await account_of(self.parts, name)).id, admin=admin)

    async def preferences_of(self, name: str) -> Preferences:
        """Return somebody's preferences as they are saved."""
        async with reading(self.parts.engine) as connection:
            found = await load_user(connection, name, self.parts.filters)
        assert found, name
        return found

    @asynccontextmanager
    async def visit(
        self, browser: Browser, secret: str = "", *, size: tuple[int, int] = WIDE, **how: object
    ) -> AsyncIterator[BrowserContext]:
        """Open a context of the browser in which this session is signed in."""
        seen = {"width": size[0], "height": size[1]}
        context = await browser.new_context(base_url=self.url, viewport=seen, **how)  # type: ignore[arg-type]  # a dict of options
        if secret:
            await context.add_cookies([{"name": COOKIE, "value": secret, "url": self.url}])
        try:
            yield context
        finally:
            await context.close()


async def furnish(path: Path) -> None:
    """Make a database in which people live."""
    url = f"sqlite:///{path}"
    await upgrade(url)
    async with open_engine(url) as engine:
        book = samples.a_book(_parts(engine, ""))
        await samples.settle_in(engine, book, samples.directory_of(book))


@asynccontextmanager
async def open_site(database: Path, folder: Path) -> AsyncIterator[Site]:
    """Serve a copy of this database on a free port until the block ends."""
    shutil.copy(database, folder / "fmn.db")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with open_engine(f"sqlite:///{folder}/fmn.db") as engine:
            parts = _parts(engine, url)
            app = create_app(parts)
            settings = uvicorn.Config(app, log_config=None)
            server = uvicorn.Server(settings)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield Site(url, parts, app)
            finally:
                server.should_exit = True
                await serving


def _parts(engine: Engine, url: str) -> Parts:
    parts = Parts(
        settings=Web(url=url, secret=SecretStr(SIGNING)),
        engine=engine,
        filters=filter_kinds(),
        kinds=some_kinds(),
        directory=Fixed(Snapshot()),
        queues=a_busy_road(),
        links=Links(url, SIGNING, timedelta(days=90)),
        defaults=Defaults(),
    )
    book = samples.a_book(parts)
    return Parts(**vars(parts) | {"directory": samples.directory_of(book)})


def a_busy_road() -> FakeQueues:
    """Return queues that tell of a road in use."""
    queues = FakeQueues()
    counts = [126468, 126908, 126993, 126372]
    total = sum(counts)
    queues.load_says = {
        "channels": [
            {
                "channel": k,
                "messages": n,
                "share_percent": 100 * n / total,
                "band_percent": [24.88, 25.12],
            }
            for k, n in enumerate(counts)
        ],
        "workers": [
            {
                "worker": f"worker@host-{1200 + k}-3f9a0{k}",
                "messages": n,
                "busy_seconds": n / 5000,
                "wait_p50": 0.002,
                "wait_p99": 0.031,
                "helped": 100 * k,
            }
            for k, n in enumerate(counts)
        ],
        "lanes": [
            {
                "lane": lane,
                "waiting": 3,
                "retrying": 1,
                "held": 0,
                "sent": sent,
                "suppressed": 12,
                "failed": 2,
                "dead": 1,
            }
            for lane, sent in [("email", 41230), ("irc", 18771)]
        ],
        "max_over_mean": 1.0024,
        "cv": 0.0021,
        "chi_square": 2.286,
        "degrees": 3,
        "p": 0.515,
    }
    queues.ledger_says = {
        "messages": {
            "taken": total,
            "handled": total - 4,
            "dead": 1,
            "waiting": 3,
            "lost": 0,
            "undecodable": 2,
            "residual": 0,
        },
        "notifications": {
            "made": 60046,
            "sent": 60001,
            "in_doubt": 1,
            "suppressed": {"unconfirmed": 14, "paused": 10},
            "failed": 4,
            "held": 0,
            "waiting": 6,
            "retrying": 2,
            "dead": 8,
            "residual": 0,
        },
    }
    queues.alive = [
        (f"{name}@host-{1200 + k}-3f9a0{k}", seconds)
        for k, (name, seconds) in enumerate(
            [
                ("consumer", 0.4),
                ("recorder", 0.7),
                ("sender", 0.2),
                ("worker", 0.9),
                ("worker", 7.3),
            ]
        )
    ]
    queues.dead = [
        {
            "id": "0/1769990000000-0",
            "what": "chunk",
            "where": "sender email",
            "why": "mx.example.org: 451 <alice@example.org> is busy, 10 attempts",
            "tries": 10,
            "at": datetime(2026, 5, 4, 8, 3, tzinfo=UTC),
        }
    ]
    return queues
