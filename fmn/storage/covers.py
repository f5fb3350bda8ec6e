"""By which keys to look: patterns resolved, and of several sets of keys the one with least to read.

The values seen decide: what never stood in a message need not be looked for.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.rules.access import Field, Key
from fmn.rules.glob import Globs
from fmn.rules.sought import Pattern
from fmn.storage.filing import OVERLONG, filed, number_of
from fmn.storage.statements import among, holds
from fmn.storage.tables import seen

MOST_KEYS = 20_000
"""A set of more keys is no help: it is as quick to look at every message."""

MOST_COMPARED = 200_000
"""How often a value may be held against a glob before a set is taken for no help."""

MOST_PIECES = 50
"""Pieces of globs that the database looks for."""

Cover = frozenset[Key | Pattern]
Known = dict[Key, int]
"""Keys that stand in messages of the history, each with in how many."""


async def narrowest(connection: AsyncConnection, covers: Collection[Cover]) -> list[int] | None:
    """Return the hashes of the keys of the set that has the fewest messages.

    None where no set helps; an empty list where no message can have one key of each set.
    """
    every = [await _known(connection, cover) for cover in covers]
    helpful = [known for known in every if known is not None and len(known) <= MOST_KEYS]
    if not helpful:
        return None
    least = min(helpful, key=lambda known: sum(known.values()))
    return sorted(map(number_of, least))


async def _known(connection: AsyncConnection, cover: Cover) -> Known | None:
    """Return those keys of a set that stand in messages; None where they are too many to say."""
    values, globs = _by_field(cover)
    known: Known = {}
    for field, written in values.items():
        known |= await _seen(connection, field, among(connection, seen.c.value, list(written)))
    for field, patterns in globs.items():
        limit = MOST_COMPARED // len(patterns)
        found = await _seen(connection, field, _may_match(connection, patterns), limit)
        if len(found) >= limit:
            return None
        match = Globs(patterns).match
        known |= {key: messages for key, messages in found.items() if match(key.value)}
    return known


def _by_field(cover: Cover) -> tuple[Mapping[Field, set[str]], Mapping[Field, set[str]]]:
    values: defaultdict[Field, set[str]] = defaultdict(set)
    globs: defaultdict[Field, set[str]] = defaultdict(set)
    for each in cover:
        if isinstance(each, Pattern):
            globs[each.field].add(each.glob)
            values[each.field].add(OVERLONG)  # one of these may match, too
        else:
            values[each.field].add(filed(each).value)
    return values, globs


def _may_match(connection: AsyncConnection, globs: Collection[str]) -> ColumnElement[bool]:
    """Return what every value that one of the globs matches fulfils, and quick to find out."""
    # Matching itself is not left to LIKE: there are patterns that take it for ever.
    pieces = {max(re.split(r"[*?]", glob), key=len) for glob in globs}
    if "" in pieces or len(pieces) > MOST_PIECES:
        return true()
    return or_(false(), *(holds(connection, seen.c.value, piece) for piece in sorted(pieces)))


async def _seen(
    connection: AsyncConnection,
    field: Field,
    these: ColumnElement[bool],
    limit: int | None = None,
) -> Known:
    found = select(seen.c.value, seen.c.messages).where(seen.c.field == field, these).limit(limit)
    return {Key(field, value): messages for value, messages in await connection.execute(found)}
