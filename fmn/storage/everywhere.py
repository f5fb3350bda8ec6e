"""Rules that are looked at for every message, because nothing in a message tells them apart."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Row, Select, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.preferences.codec import filters_from_json
from fmn.rules.filter import Filter
from fmn.rules.plan import plan_of
from fmn.storage.rows import Kinds, readable
from fmn.storage.statements import holds
from fmn.storage.tables import rules, users

MOST_READ = 20_000
"""Rules that are read; there are seldom as many that might be such."""
BLOCK = 100
"""Rules that are read at once: of one user's all filters may be 256 KiB together."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """How many rules are looked at for every message, and whose they are."""

    of: tuple[tuple[str, int], ...]
    """Name of a user and how many there are of theirs, those with most first."""
    partial: bool
    """Whether not all rules were read that might be such: there may be more."""

    @property
    def rules(self) -> int:
        """Return how many there are."""
        return sum(many for _, many in self.of)


async def everywhere(
    connection: AsyncConnection, kinds: Kinds, *, patience: timedelta
) -> Everywhere:
    """Return which rules that can match have no keys; what was found when patience was over.

    SQL chooses those that say `everything: true` or have a filter of a kind that never has keys,
    and only their filters are read.
    """
    found: Counter[str] = Counter()
    read, end = 0, monotonic() + patience.total_seconds()
    rows = await connection.stream(_that_may_be(connection, kinds).limit(MOST_READ))
    async for block in rows.partitions(BLOCK):
        found += await asyncio.to_thread(_without_keys, block, kinds)
        read += len(block)
        if monotonic() > end:
            break
    await rows.close()
    partial = monotonic() > end or read == MOST_READ
    return Everywhere(tuple(found.most_common()), partial)


def _that_may_be(connection: AsyncConnection, kinds: Kinds) -> Select[Any]:
    keyless = (kind for kind, each in kinds.items() if each.keys is Filter.keys)
    asking = (holds(connection, rules.c.filters, f'"kind":"{kind}"') for kind in keyless)
    able = (rules.c.enabled, rules.c.blocked == "", rules.c.deleted.is_(None))
    return (
        select(users.c.name.label("user_name"), rules)
        .join_from(rules, users)
        .where(*able, users.c.deleted.is_(None), or_(rules.c.everything, false(), *asking))
    )


def _without_keys(rows: Sequence[Row[Any]], kinds: Kinds) -> Counter[str]:
    plans = readable(rows, lambda row: plan_of(filters_from_json(row.filters, kinds)))
    return Counter(row.user_name for row, plan in plans if plan.keys is None)
