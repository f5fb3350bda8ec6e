"""Sealing a database: whether our secret is the one it was sealed with, and making it so."""

from sqlalchemy import Text, bindparam, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.storage.engine import take_turn
from fmn.storage.seal import SEALED
from fmn.storage.tables import destinations, preference_changes

BATCH = 1_000


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
    sealed = 0
    for table, column in ((destinations, "address"), (preference_changes, "preferences")):
        old = await connection.execute(select(table.c.id, table.c[column]))
        rows = [{"row": row[0], "value": row[1]} for row in old]
        this = update(table).where(table.c.id == bindparam("row"))
        write = this.values({column: bindparam("value")})
        for start in range(0, len(rows), BATCH):
            await connection.execute(write, rows[start : start + BATCH])
        sealed += len(rows)
    return sealed
