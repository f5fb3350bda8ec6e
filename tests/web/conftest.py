"""Pages for the tests: real parts over a real database of their own, and browsers."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from fmn.cli.settings import filter_kinds
from fmn.config import Web
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.links import Links
from fmn.model import Ownership
from fmn.preferences.defaults import Defaults
from fmn.preferences.values import Preferences
from fmn.storage.engine import open_engine
from fmn.storage.schema import upgrade
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.peers.oidc import openid  # noqa: F401  # a fixture
from tests.web import people
from tests.web.fakes import FakeQueues, some_kinds
from tests.web.people import SITE, Browser

SIGNED_WITH = "a secret of the tests, long enough to sign with"
SNAPSHOT = Snapshot(
    owners={
        "rpms/kernel": Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"kernel-sig"}))
    },
    groups={"alice": frozenset({"python-sig"}), "bob": frozenset({"kernel-sig"})},
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with our tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("database") / "fmn.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def queues() -> FakeQueues:
    """What the pages told the queues."""
    return FakeQueues()


@pytest.fixture
def web_settings() -> Web:
    """Settings of the pages; a test file may override this fixture."""
    return Web(url=SITE, secret=SecretStr(SIGNED_WITH))


@pytest.fixture
async def parts(
    tmp_path: Path, empty_database: Path, queues: FakeQueues, web_settings: Web
) -> AsyncIterator[Parts]:
    """Real parts; only the queues are not."""
    shutil.copy(empty_database, tmp_path / "fmn.db")
    async with open_engine(f"sqlite:///{tmp_path}/fmn.db") as engine:
        yield Parts(
            settings=web_settings,
            engine=engine,
            filters=filter_kinds(),
            kinds=some_kinds(),
            directory=Fixed(SNAPSHOT),
            queues=queues,
            links=Links(SITE, SIGNED_WITH, timedelta(days=90)),
            defaults=Defaults(),
        )


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    """The application."""
    return create_app(parts)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    """A browser in which nobody is signed in."""
    async with Browser(app) as browser:
        yield browser


@pytest.fixture
def signed_in_as(app: FastAPI, parts: Parts) -> Callable[..., Awaitable[Browser]]:
    """Sign somebody in: `alice = await signed_in_as("alice", admin=False)`."""

    async def sign_in(name: str, *, admin: bool = False) -> Browser:
        return await people.sign_in(app, parts, name, admin=admin)

    return sign_in


@pytest.fixture
def saved(parts: Parts) -> Callable[[Preferences], Awaitable[int]]:
    """Save somebody's preferences: `await saved(some_preferences("alice"))`."""

    async def save(preferences: Preferences) -> int:
        return await people.saved(parts, preferences)

    return save
