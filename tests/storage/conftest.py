from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.storage.engine import open_engine
from fmn.storage.schema import upgrade


@pytest.fixture
async def postgres_engine(postgres: str) -> AsyncIterator[AsyncEngine]:
    """PostgreSQL with our tables, for what SQLite's one lock makes impossible."""
    await upgrade(postgres)
    async with open_engine(postgres) as engine:
        yield engine
