"""Databases with our tables: SQLite and PostgreSQL in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.storage.engine import open_engine
from fmn.storage.schema import upgrade


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each sort."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/fmn.db"
    request.node.user_properties.append(("real", "yes"))
    url: str = request.getfixturevalue("postgres")
    return url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A database with our tables."""
    await upgrade(database_url)
    async with open_engine(database_url) as engine:
        yield engine
