"""The demo's last word: who got what, by which rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one notification."""

    message: str
    summary: str
    user: str
    rules: tuple[str, ...]
    destination: str
    kind: str
    address: str
    status: str
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """Return a line of `fmn demo --json`."""
        return {
            "message": self.message,
            "user": self.user,
            "rules": list(self.rules),
            "destination": self.destination,
            "kind": self.kind,
            "address": self.address,
            "status": self.status,
            "reason": self.reason,
        }


def draw_told(told: Sequence[Told], said: Sequence[tuple[str, str]]) -> RenderableType:
    """Return who got what, message by message, and what would be said on IRC."""
    parts: list[RenderableType] = []
    for (_, summary), theirs in groupby(told, key=lambda one: (one.message, one.summary)):
        parts += [Text(" ".join(summary.split()), style="bold", overflow="ellipsis", no_wrap=True)]
        parts += [_rows(theirs)]
    if said:
        parts.append(Text("On IRC would be said:", style="bold"))
        parts += [Text(f"  to {address}: {line}") for address, line in said]
    return Group(*parts)


def _rows(told: Iterable[Told]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=9)
    table.add_column(min_width=26, overflow="fold")
    table.add_column(min_width=6)
    table.add_column(ratio=1)
    for one in told:
        rules = "; ".join(one.rules) + (f" ({one.reason})" if one.reason else "")
        cells = (f"  {one.user}", f"{one.kind} {one.address}", one.status, rules)
        table.add_row(*map(Text, cells))
    return table
