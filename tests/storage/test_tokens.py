"""Tokens: shown once, kept as a hash, for one purpose, until they expire or are revoked."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.model import UserId
from fmn.preferences.values import Preferences
from fmn.storage import tables
from fmn.storage.engine import reading, writing
from fmn.storage.tokens import (
    Purpose,
    Token,
    forget_tokens,
    issue,
    note_use,
    present,
    revoke,
    tokens_of,
)
from tests.storage.factories import saved

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")
DAY = timedelta(days=1)


@pytest.fixture
async def engine(engine: AsyncEngine) -> AsyncEngine:
    """A database where alice and bob have accounts."""
    for user in ("alice", "bob"):
        await saved(engine, Preferences(UserId(f"id-of-{user}"), user))
    return engine


async def issued(
    engine: AsyncEngine,
    user: UserId = ALICE,
    purpose: Purpose = "api",
    *,
    name: str = "",
    lives: timedelta = DAY,
) -> str:
    expires = datetime.now(UTC) + lives
    async with writing(engine) as connection:
        return await issue(
            connection, user, purpose, name=name, scopes=frozenset({"read"}), expires=expires
        )


async def presented(engine: AsyncEngine, secret: str, purpose: Purpose = "api") -> Token | None:
    async with reading(engine) as connection:
        return await present(connection, secret, purpose)


async def names_of(engine: AsyncEngine, user: UserId = ALICE) -> list[str]:
    async with reading(engine) as connection:
        return [token.name for token in await tokens_of(connection, user, "api")]


async def test_a_token_stands_for_its_user_and_scopes(engine: AsyncEngine) -> None:
    before = datetime.now(UTC)
    expires = before + DAY
    async with writing(engine) as connection:
        scopes = frozenset({"read", "admin"})
        secret = await issue(connection, ALICE, "api", name="CI", scopes=scopes, expires=expires)
    token = await presented(engine, secret)
    assert token is not None
    assert before <= token.created <= datetime.now(UTC)
    expected = Token(token.id, ALICE, "api", "CI", scopes, token.created, expires, None)
    assert token == expected


async def test_the_database_never_holds_the_token_itself(engine: AsyncEngine) -> None:
    secret = await issued(engine)
    async with reading(engine) as connection:
        row = (await connection.execute(select(tables.tokens))).one()
    assert row.hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(row)


async def test_tokens_are_long_and_never_alike(engine: AsyncEngine) -> None:
    secrets = {await issued(engine) for _ in range(20)}
    assert len(secrets) == 20
    assert {len(secret) for secret in secrets} == {43}  # 256 bits, six a character


@pytest.mark.parametrize("wrong", ["", "x" * 43, "\x00", "\ud800", "é" * 100_000])
async def test_what_is_no_token_stands_for_nobody(engine: AsyncEngine, wrong: str) -> None:
    await issued(engine)
    assert await presented(engine, wrong) is None


async def test_a_token_works_for_its_purpose_only(engine: AsyncEngine) -> None:
    session, api = await issued(engine, purpose="session"), await issued(engine)
    assert await presented(engine, session, "api") is None
    assert await presented(engine, api, "session") is None
    assert await presented(engine, session, "session") is not None


async def test_an_expired_token_stands_for_nobody_and_is_not_shown(engine: AsyncEngine) -> None:
    secret = await issued(engine, name="old", lives=-timedelta(seconds=1))
    assert await presented(engine, secret) is None
    assert await names_of(engine) == []


async def test_tokens_of_one_user_and_purpose_are_shown_newest_first(engine: AsyncEngine) -> None:
    for name in ("first", "second", "third"):
        await issued(engine, name=name)
    await issued(engine, BOB, name="bob's")
    await issued(engine, purpose="session", name="a session")
    assert await names_of(engine) == ["third", "second", "first"]


async def test_a_revoked_token_works_no_more(engine: AsyncEngine) -> None:
    secret, other = await issued(engine), await issued(engine)
    token = await presented(engine, secret)
    assert token is not None
    async with writing(engine) as connection:
        assert await revoke(connection, ALICE, token.id)
        assert not await revoke(connection, ALICE, token.id)
    assert await presented(engine, secret) is None
    assert await presented(engine, other) is not None


async def test_nobody_revokes_the_token_of_another(engine: AsyncEngine) -> None:
    secret = await issued(engine)
    token = await presented(engine, secret)
    assert token is not None
    async with writing(engine) as connection:
        assert not await revoke(connection, BOB, token.id)
    assert await presented(engine, secret) == token


async def test_its_owner_can_see_when_it_was_used(engine: AsyncEngine) -> None:
    secret, other = await issued(engine), await issued(engine)
    token = await presented(engine, secret)
    assert token is not None
    before = datetime.now(UTC)
    async with writing(engine) as connection:
        await note_use(connection, token)
    used, unused = await presented(engine, secret), await presented(engine, other)
    assert used is not None
    assert used.used is not None
    assert before <= used.used <= datetime.now(UTC)
    assert unused is not None
    assert unused.used is None


async def test_expired_tokens_are_erased_so_many_at_a_time(engine: AsyncEngine) -> None:
    for _ in range(3):
        await issued(engine, lives=-DAY)
    await issued(engine, name="works")
    async with writing(engine) as connection:
        gone = [await forget_tokens(connection, datetime.now(UTC), at_most=2) for _ in range(3)]
        left = (await connection.scalars(select(tables.tokens.c.name))).all()
    assert (gone, left) == ([2, 1, 0], ["works"])
