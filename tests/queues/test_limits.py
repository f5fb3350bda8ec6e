"""Limits: one count for all processes, a window that ends by itself, nobody's address in clear."""

from datetime import timedelta

from fmn.queues.connection import Connection
from fmn.queues.limits import allowed
from tests.queues.conftest import Join

HOUR = timedelta(hours=1)
WHO = "alice@example.org"


async def test_so_many_uses_are_allowed_and_not_one_more(join: Join) -> None:
    async with join("web") as one, join("web") as other:
        answers = [
            await allowed(member.connection, "login", WHO, times=3, within=HOUR)
            for member in (one, other, one, other, one)
        ]
    assert answers == [True, True, True, False, False]


async def test_whoever_else_and_whatever_else_is_counted_apart(join: Join) -> None:
    async with join("web") as web:
        first = await allowed(web.connection, "login", WHO, times=1, within=HOUR)
        other = await allowed(web.connection, "login", "bob@example.org", times=1, within=HOUR)
        another = await allowed(web.connection, "preview", WHO, times=1, within=HOUR)
    assert [first, other, another] == [True, True, True]


async def test_it_is_allowed_again_when_the_time_since_the_first_use_is_over(join: Join) -> None:
    within = timedelta(milliseconds=150)
    async with join("web") as web:
        assert await allowed(web.connection, "login", WHO, times=1, within=within)
        asked = 1
        while not await allowed(web.connection, "login", WHO, times=1, within=within):
            asked += 1
        left = [await web.connection.do("PTTL", key) for key in await _limits(web.connection)]
    assert asked > 1  # refused uses did not move the end
    assert all(0 <= milliseconds <= 150 for milliseconds in left)


async def test_a_count_says_not_who_was_counted_and_expires(join: Join) -> None:
    async with join("web") as web:
        await allowed(web.connection, "login", WHO, times=1, within=HOUR)
        (key,) = await _limits(web.connection)
        milliseconds = await web.connection.do("PTTL", key)
    assert key.startswith(b"fmn:limit:login:")
    assert b"alice" not in key
    assert 0 < milliseconds <= 3_600_000


async def _limits(connection: Connection) -> list[bytes]:
    found: list[bytes] = await connection.do("KEYS", "fmn:limit:*")
    return found
