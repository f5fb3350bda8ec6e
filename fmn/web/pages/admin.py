"""What operators see of the road: processes, ledger, load, dead letters, and the audit log."""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fmn.errors import Unavailable
from fmn.storage import audit
from fmn.storage.engine import reading
from fmn.web.sessions import Here, Operator
from fmn.web.showing import show

SILENCE = 5.0
"""Seconds without a sign of life after which others take over what a process has in hand."""
ROWS = 100
"""Rows of one table at most; the verbs of `fmn` show all."""

router = APIRouter(prefix="/admin")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sum:
    """One half of the ledger: counts by name, and whether they come out."""

    of: str
    """`messages` or `notifications`."""
    counts: tuple[tuple[str, int], ...]
    residual: int

    @property
    def verdict(self) -> str:
        """Return what the residual means, in words."""
        if not self.residual:
            return f"Residual 0: all {self.of} are accounted for."
        if self.residual > 0:
            return f"Residual {self.residual:,}: so many {self.of} came in and are nowhere."
        return f"Residual {self.residual:,}: so many {self.of} are there and never came in."


@router.get("")
async def overview(request: Request, viewer: Operator, parts: Here) -> Response:
    """Show how the road is; what cannot be asked for just now says so."""
    processes, ledger, load = await asyncio.gather(
        answered(parts.queues.processes()),
        answered(parts.queues.ledger()),
        answered(parts.queues.load()),
    )
    return show(
        request,
        "admin.html",
        viewer=viewer,
        processes=processes,
        silence=SILENCE,
        sums=None if ledger is None else list(sums_of(ledger)),
        durability=ledger and ledger.get("durability"),
        load=load,
        longest=load and longest(load),
        rows=ROWS,
    )


@router.get("/audit")
async def audit_log(
    request: Request,
    viewer: Operator,
    parts: Here,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> Response:
    """Show who looked at or changed what is somebody else's, the newest first."""
    async with reading(parts.engine) as connection:
        found = await audit.entries(connection, before=before, limit=ROWS + 1)
    shown, more = found[:ROWS], len(found) > ROWS
    return show(
        request, "admin_audit.html", viewer=viewer, entries=shown, more=more, first=before is None
    )


async def answered(question: Awaitable[T]) -> T | None:
    """Return what the queues answer; None where they are away."""
    try:
        return await question
    except Unavailable:
        return None


def sums_of(ledger: Mapping[str, Any]) -> Iterator[Sum]:
    """Return both halves of the ledger, from its form of `fmn ledger --json`."""
    for of in ("messages", "notifications"):
        if of in ledger:
            yield Sum(of, tuple(_counts(ledger[of])), ledger[of]["residual"])


def _counts(counts: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name, count in counts.items():
        if isinstance(count, Mapping):
            yield name, sum(count.values())
            yield from ((f"{name}: {reason}", count[reason]) for reason in sorted(count))
        elif name != "residual":
            yield name.replace("_", " "), count


def longest(load: Mapping[str, Any]) -> dict[str, float]:
    """Return the number that has the longest bar in each table of the load distribution."""
    bands = [one["band_percent"][1] for one in load["channels"]]
    return {
        "channels": _most([*bands, *(one["share_percent"] for one in load["channels"])]),
        "workers": _most([one["messages"] for one in load["workers"]]),
        "lanes": _most([one["sent"] for one in load["lanes"]]),
    }


def _most(numbers: Sequence[float]) -> float:
    return max(numbers, default=0) or 1
