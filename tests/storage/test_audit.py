"""The audit log: the newest first, page by page, and no name of who is no longer here."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.storage.audit import AuditEntry, entries, note, rename
from fmn.storage.engine import reading, writing


async def noted(
    engine: AsyncEngine, by: str, action: str, about: str = "", detail: str = ""
) -> None:
    async with writing(engine) as connection:
        await note(connection, by=by, action=action, about=about, detail=detail)


async def shown(
    engine: AsyncEngine, *, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    async with reading(engine) as connection:
        return await entries(connection, before=before, limit=limit)


async def test_an_entry_says_who_did_what_to_whom_and_when(engine: AsyncEngine) -> None:
    start = datetime.now(UTC)
    await noted(engine, "root", "disabled a rule", "alice", "too noisy")
    (entry,) = await shown(engine)
    expected = AuditEntry(entry.number, entry.at, "root", "disabled a rule", "alice", "too noisy")
    assert entry == expected
    assert start <= entry.at <= datetime.now(UTC)


async def test_entries_are_read_page_by_page_the_newest_first(engine: AsyncEngine) -> None:
    for number in range(5):
        await noted(engine, "root", f"look {number}")
    first = await shown(engine, limit=2)
    second = await shown(engine, before=first[-1].number, limit=2)
    third = await shown(engine, before=second[-1].number, limit=2)
    pages = [[entry.action for entry in page] for page in (first, second, third)]
    assert pages == [["look 4", "look 3"], ["look 2", "look 1"], ["look 0"]]


async def test_a_user_of_another_name_is_meant_by_that_in_every_entry(engine: AsyncEngine) -> None:
    await noted(engine, "root", "looked at rules", "alice", "rule: mail alice@example.org")
    await noted(engine, "alice", "looked at rules", "bob", "all")
    await noted(engine, "root", "looked at rules", "malice", "all")
    async with writing(engine) as connection:
        await rename(connection, "alice", "deleted 1")
    assert [(entry.by, entry.about, entry.detail) for entry in await shown(engine)] == [
        ("root", "malice", "all"),
        ("deleted 1", "bob", "all"),
        ("root", "deleted 1", ""),
    ]
