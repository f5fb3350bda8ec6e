"""The audit log: who looked at or changed what is somebody else's."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from fmn.storage.tables import audit_entries


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One look or change."""

    number: int
    at: datetime
    by: str
    """Name of the operator."""
    action: str
    """`looked at rules`, `disabled a rule` …"""
    about: str
    """Name of the user whose it is; empty where it is nobody's."""
    detail: str


async def note(
    connection: AsyncConnection, *, by: str, action: str, about: str = "", detail: str = ""
) -> None:
    """Add an entry."""
    entry = {"at": datetime.now(UTC), "by": by, "action": action, "about": about, "detail": detail}
    await connection.execute(insert(audit_entries).values(entry))


async def entries(
    connection: AsyncConnection, *, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """Return entries, the newest first; those with a number below `before`."""
    number = audit_entries.c.number
    some = select(audit_entries).order_by(number.desc()).limit(limit)
    rows = await connection.execute(some if before is None else some.where(number < before))
    return [
        AuditEntry(row.number, row.at, row.by, row.action, row.about, row.detail) for row in rows
    ]


async def rename(connection: AsyncConnection, old: str, new: str) -> None:
    """Call a user by another name in all entries; details of what is about them are erased.

    What was done, when and by whom stays told, also of an account that is deleted.
    """
    entry = audit_entries.c
    about = update(audit_entries).where(entry.about == old).values(about=new, detail="")
    await connection.execute(about)
    await connection.execute(update(audit_entries).where(entry.by == old).values(by=new))
