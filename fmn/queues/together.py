"""Commands issued while others are under way go out together: one round trip, one fsync."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

Command = Sequence[Any]


class Together:
    """What many tasks ask of the server at the same moment, in one pipeline after the other.

    With `appendfsync always` the server writes to disk once for all it has read at a time, so what
    comes alone costs an fsync of its own. A task that asks alone waits for nobody.
    """

    def __init__(self, client: "Redis", most: int = 1000) -> None:
        self._client = client
        self._most = most
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def ask(self, *command: Any) -> Any:  # noqa: ANN401  # what Redis takes and answers
        """Return the answer to one command; raises what the client raises."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return await answer

    async def close(self) -> None:
        """Give up what nobody waits for any more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                some = self._waiting[: self._most]
                del self._waiting[: self._most]
                await self._send(some)
        finally:
            self._sending = None

    async def _send(self, some: Sequence[tuple[Command, asyncio.Future[Any]]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for command, _ in some:
            pipeline.execute_command(*command)
        try:
            answers = await pipeline.execute(raise_on_error=False)
        except Exception as failed:  # noqa: BLE001  # whoever asked hears it
            answers = [failed] * len(some)
        for (_, future), answer in zip(some, answers, strict=True):
            _tell(future, answer)


def _tell(future: asyncio.Future[Any], answer: Any) -> None:  # noqa: ANN401  # what Redis answers
    if future.done():  # its task was cancelled
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
