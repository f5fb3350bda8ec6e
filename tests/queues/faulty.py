"""A process that dies, or loses an answer, at exactly one place of its talk with Redis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fmn.queues import keys
from fmn.queues.connection import Connection
from tests.queues.conftest import Member


class Died(BaseException):
    """Nothing of what follows happens: neither a mark, nor a step, nor a farewell."""


When = Literal["before", "after", "answer lost"]


@dataclass
class Faulty:
    """A connection that at one script dies before it or after it, or asks it twice."""

    inner: Connection
    script: str
    when: When
    at: int = 1
    """The how manieth run of that script."""
    seen: int = field(default=0, init=False)

    async def run(self, script: str, names: Sequence[str], *told: Any) -> Any:
        here = script == self.script and self._is_time()
        if here and self.when == "before":
            raise Died
        answer = await self.inner.run(script, names, *told)
        if here and self.when == "after":
            raise Died
        if here and self.when == "answer lost":
            answer = await self.inner.run(script, names, *told)
        return answer

    def _is_time(self) -> bool:
        self.seen += 1
        return self.seen == self.at

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def bury(member: Member) -> None:
    """Let the others know at once that a process is dead: its signs are gone."""
    member.life._ended.set()
    member.life._thread.join()
    for k in range(member.life.crew.most_channels):
        await member.connection.do("ZREM", keys.alive(k), member.life.name)
