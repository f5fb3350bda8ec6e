"""A process at the queues: its connection and its sign of life, on a real server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from fmn.queues.connection import Connection, connect
from fmn.queues.life import Life


@dataclass(frozen=True)
class Member:
    connection: Connection
    life: Life


Join = Callable[[str], AbstractAsyncContextManager[Member]]


@asynccontextmanager
async def member(url: str, process: str, channels: int = 2) -> AsyncIterator[Member]:
    async with connect(url) as connection:
        with Life(url, process, channels=channels) as life:
            connection.before_belief(life.look)
            yield Member(connection, life)


@pytest.fixture
def join(redis_url: str) -> Join:
    return lambda process: member(redis_url, process)
