"""What a homeserver says."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import ClientResponse

OK = 200
LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes. `m.direct` of some hundred thousand people."""
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the homeserver said."""

    status: int
    said: dict[str, Any]
    retry_after: timedelta | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """What nobody may read in `words`, should the homeserver repeat it."""

    @property
    def code(self) -> str:
        """Why it says no, `M_…`; empty where it does not."""
        return "" if self.status == OK else str(self.said.get("errcode", ""))

    @property
    def words(self) -> str:
        said = f"{self.said.get('error', '')} ({self.code or self.status})"
        for secret in self.hidden:
            said = said.replace(secret, "…")
        return "".join(c if c.isprintable() else " " for c in said).strip()[-500:]


class Refused(Exception):
    """The homeserver says no, for a reason that whoever asked knows what to make of."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.words)
        self.answer = answer


def spellings(*secrets: str) -> tuple[str, ...]:
    """Return them as they are and as they stand in JSON, the longest first."""
    spelled = {said for one in secrets for said in (one, json.dumps(one)[1:-1])}
    return tuple(sorted(spelled - {""}, key=len, reverse=True))


async def read(response: ClientResponse) -> Answer:
    """Read an answer to its end. Raises ValueError where it is none of a homeserver."""
    async with response:
        try:
            await response.content.readexactly(LARGEST_ANSWER)
        except asyncio.IncompleteReadError as whole:
            said = json.loads(whole.partial)
        else:
            raise ValueError("too long")
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004  # as what is not JSON
    return Answer(response.status, said, _wait(said, response.headers.get("Retry-After", "")))


def _wait(said: dict[str, Any], header: str) -> timedelta | None:
    # The header is the newer way, but whole seconds.
    ms = said.get("retry_after_ms")
    if not isinstance(ms, int | float):
        ms = int(header) * 1000 if re.fullmatch(r"[0-9]{1,9}", header) else 0
    return min(timedelta(milliseconds=min(ms, 1e11)), LONGEST_WAIT) if ms > 0 else None
