"""The one way to the Redis or Valkey server: commands, scripts, and patience while it is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from importlib.resources import files
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut

from fmn.errors import ConfigError, Unavailable
from fmn.queues import keys
from fmn.queues.durability import LAG, Durability, durability, figure
from fmn.queues.together import Together

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


Look = Callable[[], Awaitable[None]]


class Connection:
    """Raw commands and scripts; each is repeated with back-off until the server answers.

    So everything sent through it is safe to repeat: scripts are fenced, reads of a group are
    found again in our name (`takeover.lua`). An impatient one raises Unavailable instead.
    """

    durability = Durability.NONE
    """What the server promises, as of the last time it was asked."""

    def __init__(self, client: "Redis", at: str, *, patient: bool) -> None:
        self._client = client
        self._at = at
        self._patient = patient
        # Raw answers: what the library would make of each reply costs more than the reply.
        client.response_callbacks.clear()
        self._scripts: dict[str, tuple[str, str]] = {}
        self._together = Together(client)
        self._looks: list[Look] = []
        self._looking = asyncio.Lock()
        self._opened = self._looked = 0
        """How often a connection was made, and of how many it is known where they lead."""

    async def do(self, *command: Any) -> Any:  # noqa: ANN401  # what Redis takes and answers
        """Run one command and return its raw answer."""
        return await self._answer(lambda: self._together.ask(*command))

    async def block(self, *command: Any) -> Any:  # noqa: ANN401  # what Redis takes and answers
        """Run a command that waits on the server, where nothing else waits behind it."""
        client: Any = self._client
        return await self._answer(lambda: client.execute_command(*command))

    async def run(self, script: str, names: Sequence[str], *args: Any) -> Any:  # noqa: ANN401
        """Run one of our scripts."""
        if script not in self._scripts:
            text = script_text(script)
            self._scripts[script] = text, sha1(text.encode(), usedforsecurity=False).hexdigest()
        text, digest = self._scripts[script]
        try:
            return await self.do("EVALSHA", digest, len(names), *names, *args)
        except NoScriptError:  # the server is new to it, or was started again
            return await self.do("EVAL", text, len(names), *names, *args)

    async def all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run several commands in one round trip."""
        return list(await asyncio.gather(*(self.do(*command) for command in commands)))

    async def settle(self) -> None:
        """Return when all that was written before is as safe as the server can make it.

        Where nobody can be asked, that is what time makes of it; without a file it is nothing.
        """
        if self.durability is Durability.CONFIRMED:
            await self._confirmed()
        elif self.durability is Durability.EVERYSEC:
            await asyncio.sleep(LAG)

    async def _confirmed(self) -> None:
        """Wait until a write of this very moment is on disk: so is all that came before."""
        client: Any = self._client

        async def ask() -> Any:  # noqa: ANN401  # what Redis answers
            pipeline = client.pipeline(transaction=False)
            pipeline.execute_command("SET", keys.SETTLED, "", "PX", 1)
            pipeline.execute_command("WAITAOF", 1, 0, int(TIMEOUT * 1000) // 2)
            return await pipeline.execute()

        while (await self._answer(ask))[1][0] == 0:
            _log.warning("Redis is slow to write to disk", at=self._at)

    def before_belief(self, look: Look) -> None:
        """Have this done for each new connection, before anything it says is believed."""
        self._looks.append(look)

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
                await self._look()
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

    async def _look(self) -> None:
        """Look what has become of the server since a connection was made anew.

        No answer is believed before: it may have been restarted, and be what it was earlier.
        """
        if self._looked == self._opened:
            return
        async with self._looking:
            if self._looked != (opened := self._opened):
                self.durability = await durability(self._client)
                for look in self._looks:
                    await look()
                self._looked = opened

    async def open(self) -> None:
        """Connect for the first time. Raises Unavailable, ConfigError."""
        client: Any = self._client
        try:
            self.durability = await durability(self._client)
            memory = await client.execute_command("INFO", "memory")
        except TypeError:  # an option that no connection takes
            raise ConfigError("queues.url", EXPECTED) from None
        except RedisError as failed:
            raise Unavailable(f"Redis at {self._at}", failed) from None
        policy = figure(memory, "maxmemory_policy", "noeviction")
        if policy != "noeviction":
            words = f"maxmemory-policy is {policy}, must be noeviction"
            raise ConfigError(f"Redis at {self._at}", words)

    async def close(self) -> None:
        """Leave the server."""
        await self._together.close()
        await self._client.aclose()

    async def note(self, made: Any) -> None:  # noqa: ANN401  # a connection of the library
        """Greet the server over a connection that was just made, and note that it was."""
        await made.on_connect()
        self._opened += 1


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
    connection = Connection(client, without_password(url), patient=patient)
    client.connection_pool.connection_kwargs["redis_connect_func"] = connection.note
    try:
        await connection.open()
        yield connection
    finally:
        await connection.close()


def _client(url: str) -> "Redis":
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **OPTIONS)
    except (ValueError, TypeError):  # whose text may hold the password
        raise ConfigError("queues.url", EXPECTED) from None


def without_password(url: str) -> str:
    """Return the URL as it may be shown: neither login nor options."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
