"""One browser for all tests of this folder, and a furnished site for each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.peers import browser
from tests.web.browser.site import Site, furnish, open_site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser; each test opens contexts of its own in it."""
    async with browser.chromium() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which people live, to be copied."""
    path = tmp_path_factory.mktemp("furnished") / "fmn.db"
    await furnish(path)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def site(furnished: Path, tmp_path: Path) -> AsyncIterator[Site]:
    """A site of its own for each test."""
    async with open_site(furnished, tmp_path) as opened:
        yield opened
