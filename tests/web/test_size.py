"""How heavy the pages are: bytes, SQL statements, and time, with 10,000 users and 5,000 deliveries.

Bytes and statements are gated; time is printed (`pytest -s`), as it is the machine's, too.
"""

import asyncio
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import event, insert

from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import MessageId, key_of
from fmn.storage import tables
from fmn.storage.engine import open_engine, writing
from fmn.storage.history import record
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import a_destination, a_rule, saved, some_preferences
from tests.web import people
from tests.web.crawl import Found, crawled
from tests.web.people import Browser

USERS = 10_000
DELIVERIES = 5_000
RULES = 20
LARGEST = 100_000
"""Bytes of a page at most."""
STATEMENTS = 15
"""SQL statements of a page at most, those of the session included."""
ROUNDS = 7


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    path = tmp_path_factory.mktemp("large") / "fmn.db"
    shutil.copy(empty_database, path)
    asyncio.run(_fill(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def alice(app: FastAPI, parts: Parts, large: Path, tmp_path: Path) -> AsyncIterator[Browser]:
    """An operator with many rules and deliveries, among very many users."""
    shutil.copy(large, tmp_path / "fmn.db")
    async with await people.sign_in(app, parts, "alice", admin=True) as browser:
        yield browser


async def _fill(url: str) -> None:
    now = datetime.now(UTC)
    others = [
        {"id": f"u-{n}", "name": f"user-{n:05}", "groups": [], "created": now} for n in range(USERS)
    ]
    rules = (a_rule(f"rule {number}") for number in range(RULES))
    lines = [line for number in range(DELIVERIES) for line in _delivery(number, now)]
    async with open_engine(url) as engine:
        async with writing(engine) as connection:
            await connection.execute(insert(tables.users), others)
        await saved(engine, some_preferences("alice", *rules))
        async with writing(engine) as connection:
            await record(connection, lines)


def _delivery(number: int, now: datetime) -> list[LogLine]:
    at = now - timedelta(days=14) * (number + 1) / (DELIVERIES + 1)
    message = a_message(f"m-{number}", topic=f"org.example.bodhi.{number % 7}", app="bodhi")
    told, rule = a_destination(), a_rule(f"rule {number % RULES}")
    key = key_of(MessageId(message.id), told.id)
    return [
        Handled(replace(message, sent_at=at), at, 1, 1),
        Outcome(key, told.kind, (rule.id,), State.SENT, at, attempts=1),
    ]


@pytest.fixture
def statements(parts: Parts) -> list[str]:
    """Every SQL statement from now on."""
    made: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        made.append(statement)

    event.listen(parts.engine.sync_engine, "before_cursor_execute", note)
    return made


async def test_no_page_is_large(alice: Browser) -> None:
    found = await crawled(alice)
    assert len(found) > 10
    assert {at.path: _size(at) for at in found if _size(at) > LARGEST} == {}


async def test_no_page_asks_the_database_often(alice: Browser, statements: list[str]) -> None:
    asked: dict[str, int] = {}
    for at in await crawled(alice):
        statements.clear()
        await alice.get(at.path)
        asked[at.path] = sum(not each.startswith(("BEGIN", "PRAGMA")) for each in statements)
    assert {path: many for path, many in asked.items() if many > STATEMENTS} == {}


async def test_how_long_each_page_takes_is_printed(alice: Browser) -> None:
    for at in await crawled(alice):
        taken = [await _seconds(alice, at.path) for _ in range(ROUNDS)]
        median = 1000 * statistics.median(taken)
        print(f"{median:6.1f} ms {_size(at):7,} B  {at.path}")  # noqa: T201  # what it is for


async def _seconds(browser: Browser, path: str) -> float:
    start = time.perf_counter()
    await browser.get(path)
    return time.perf_counter() - start


def _size(found: Found) -> int:
    return len(found.answer.content)
