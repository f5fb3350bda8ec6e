"""The one way to the Redis or Valkey server: commands, scripts, and patience while it is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut

from fmn.errors import ConfigError, Unavailable

AWAY = (Disconnected, TimedOut)
"""What the client raises while nobody answers."""
REFUSES = (OutOfMemoryError, ReadOnlyError, TryAgainError, ClusterDownError)
REFUSING = (
    *("OOM ", "BUSY ", "READONLY ", "MISCONF ", "TRYAGAIN ", "CLUSTERDOWN ", "LOADING "),
    "WRONGTYPE ",
)
"""How answers begin of a server that cannot take anything now, from scripts in words only. One of
our keys that somebody made another type of is in the way until somebody takes it out."""

TIMEOUT = 10.0
"""Seconds to wait for an answer; a blocking read asks for less."""
OPTIONS: dict[str, Any] = {
    "socket_timeout": TIMEOUT,
    "socket_connect_timeout": TIMEOUT,
    "protocol": 2,
}
EXPECTED = "expected redis://:PASSWORD@HOST:PORT/DATABASE, rediss://… or unix://PATH"

_log = structlog.get_logger()


def script_text(name: str) -> str:
    """Return the source of one of our scripts."""
    return (files("fmn.queues") / "lua" / f"{name}.lua").read_text()


class Connection:
    """Raw commands and scripts; each is repeated with back-off until the server answers.

    So everything sent through it is safe to repeat: scripts are fenced, reads of a group are
    found again in our name (`takeover.lua`). An impatient one raises Unavailable instead.
    """

    def __init__(self, client: "Redis", at: str, *, patient: bool) -> None:
        self._client = client
        self._at = at
        self._patient = patient
        # Raw answers: what the library would make of each reply costs more than the reply.
        client.response_callbacks.clear()
        self._scripts: dict[str, Any] = {}

    async def do(self, *command: Any) -> Any:  # noqa: ANN401  # what Redis takes and answers
        """Run one command and return its raw answer."""
        client: Any = self._client
        return await self._answer(lambda: client.execute_command(*command))

    async def run(self, script: str, keys: Sequence[str], *args: Any) -> Any:  # noqa: ANN401
        """Run one of our scripts."""
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(script_text(script))
        return await self._answer(lambda: self._scripts[script](keys=keys, args=args))

    async def all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run several commands in one round trip."""

        async def ask() -> Any:  # noqa: ANN401  # what Redis answers
            pipeline = self._client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()

        answers: list[Any] = await self._answer(ask)
        return answers

    @asynccontextmanager
    async def subscribed(self, *names: str) -> AsyncIterator[Any]:
        """Subscribe to names of pub/sub until the block ends."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as listening:
            await listening.subscribe(*names)
            yield listening

    async def _answer(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        backoff, failures = ExponentialWithJitterBackoff(base=0.05, cap=2), 0
        while True:
            try:
                answer = await _cancellable(ask())
            except RedisError as failed:
                if not _is_away(failed):
                    raise
                if not self._patient:
                    raise Unavailable(f"Redis at {self._at}", failed) from None
                if failures == 0:
                    _log.warning("waits for Redis", at=self._at, why=str(failed))
                failures += 1
                await asyncio.sleep(backoff.compute(failures))
            else:
                return answer


async def _cancellable(asking: Awaitable[Any]) -> Any:  # noqa: ANN401  # what Redis answers
    """Wait for an answer without losing a cancellation.

    Before Python 3.12 `asyncio.wait_for`, which the client uses, drops one that comes together
    with the answer.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    answer = await asking
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return answer


def _is_away(failed: RedisError) -> bool:
    if isinstance(failed, ResponseError):
        return isinstance(failed, REFUSES) or str(failed).startswith(REFUSING)
    return isinstance(failed, AWAY)


@asynccontextmanager
async def connect(url: str, *, patient: bool = True) -> AsyncIterator[Connection]:
    """Connect until the block ends; a patient connection waits for a server that went away.

    Raises Unavailable where nobody answers at the start, ConfigError where the server would
    evict what it holds.
    """
    client = _client(url)
    try:
        await _check(client, without_password(url))
        yield Connection(client, without_password(url), patient=patient)
    finally:
        await client.aclose()


def _client(url: str) -> "Redis":
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **OPTIONS)
    except (ValueError, TypeError):  # whose text may hold the password
        raise ConfigError("queues.url", EXPECTED) from None


async def _check(client: "Redis", at: str) -> None:
    try:
        policy = (await client.info("memory")).get("maxmemory_policy", "noeviction")
    except TypeError:  # an option that no connection takes
        raise ConfigError("queues.url", EXPECTED) from None
    except RedisError as failed:
        raise Unavailable(f"Redis at {at}", failed) from None
    if policy != "noeviction":
        raise ConfigError(f"Redis at {at}", f"maxmemory-policy is {policy}, must be noeviction")


def without_password(url: str) -> str:
    """Return the URL as it may be shown: neither login nor options."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
