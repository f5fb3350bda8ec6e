"""Sealing a database: whether our secret is the one it was sealed with, and making it so."""

from sqlalchemy import Table, Text, bindparam, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.storage.engine import take_turn
from fmn.storage.seal import SEALED
from fmn.storage.tables import destinations, preference_changes

BATCH = 100
"""Rows; one of the feed may hold 256 KiB."""


async def check_secret(connection: AsyncConnection) -> None:
    """Raise ConfigError where addresses were sealed with another secret than that of the engine."""
    kept = type_coerce(destinations.c.address, Text)
    sealed = select(destinations.c.address).where(kept.startswith(SEALED)).limit(1)
    await connection.scalar(sealed)  # reading it opens it


async def seal(connection: AsyncConnection) -> int:
    """Seal every address, those of deleted destinations and in the feed too; return how many rows.

    Raises ConfigError where some were sealed with another secret.
    """
    await take_turn(connection)
    kept = ((destinations, "address"), (preference_changes, "preferences"))
    return sum([await _sealed(connection, table, column) for table, column in kept])


async def _sealed(connection: AsyncConnection, table: Table, column: str) -> int:
    """Write every row as it is read, some at a time: reading opens what writing closes."""
    of = table.c
    write = update(table).where(of.id == bindparam("row")).values({column: bindparam("value")})
    page, sealed = select(of.id, of[column]).order_by(of.id).limit(BATCH), 0
    rows = (await connection.execute(page)).all()
    while rows:
        await connection.execute(write, [{"row": row[0], "value": row[1]} for row in rows])
        sealed += len(rows)
        rows = (await connection.execute(page.where(of.id > rows[-1][0]))).all()
    return sealed
