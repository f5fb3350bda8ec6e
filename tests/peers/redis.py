"""Redis 7 and the Valkey of the wheel: each test has a server of its own, on a socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from fmn.queues.embedded import flags, server
from tests.peers import need, running


@contextmanager
def redis_server(
    program: str, folder: Path, name: str = "s", *, more: tuple[str, ...] = ()
) -> Iterator[str]:
    """Run a server in this folder, on a socket of this name, until the block ends."""
    folder.mkdir(exist_ok=True)
    socket = folder / name
    url = f"unix://{socket}"
    with running([program, *flags(folder, socket), *more], folder, ready=lambda: _answers(url)):
        yield url


def _answers(url: str) -> bool:
    client: Any = Redis.from_url(url)
    with client:
        try:
            client.ping()
        except RedisError:
            return False
        return True


@pytest.fixture(params=["valkey", "redis-server"])
def redis_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Both servers in turn: the Valkey of the wheel, and Redis 7 where it is installed."""
    wheel = request.param == "valkey"
    program = str(server()) if wheel else need("redis-server", "redis-server")
    with redis_server(program, tmp_path / "redis") as url:
        yield url


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[str]:
    """Only the Valkey of the wheel, which is always there."""
    with redis_server(str(server()), tmp_path / "redis") as url:
        yield url
