"""Purging: nothing of a deleted account stays in a queue, everybody else's does, and it adds up."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from fmn.config import Retry
from fmn.emission import Chunk, Content, LogLine, Outcome, Recipient
from fmn.errors import TransientFailure
from fmn.queues import keys
from fmn.queues.claims import Claims
from fmn.queues.connection import Connection
from fmn.queues.dead import dead_letters
from fmn.queues.entries import unpack
from fmn.queues.figures import figures, set_channels
from fmn.queues.log import Log
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from fmn.queues.purge import purge
from fmn.report.gathered import ledger_of
from fmn.report.ledger import Notifications
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Join, Member

ALICE, BOB = "alice@example.org", "bob@example.org"
ALICES = frozenset({"d-alice"})
TIMES = 30.0
ONCE = Retry.model_validate({"attempts": 1})
LATER = Retry.model_validate({"attempts": 9, "first": "1h", "longest": "1h"})


def to(user: str, message: str = "m-1") -> Recipient:
    return a_recipient(message, f"d-{user}", address=f"{user}@example.org")


async def attempt(member: Member, retry: Retry, *, recipients: int) -> None:
    """Let a sender fail for all that waits in the lane, in words that quote the address."""
    stop, failed = asyncio.Event(), list[str]()

    async def send(content: Content, recipient: Recipient) -> None:
        failed.append(recipient.address)
        if len(failed) == recipients:
            stop.set()
        again = timedelta(hours=2)  # the same for all: so they stay in one chunk
        raise TransientFailure(f"450 <{recipient.address}>: try later", retry_after=again)

    claims = Claims(member.connection, member.life, lifetime=timedelta(days=1))
    lane = Lane(member.connection, member.life, "email", claims=claims, retry=retry)
    async with asyncio.timeout(TIMES):
        await lane.each(send, stop, at_once=recipients)


async def drain(member: Member, *, lines: int) -> None:
    """Read the log as a recorder does."""
    stop, kept = asyncio.Event(), list[LogLine]()

    async def record(some: Sequence[LogLine]) -> None:
        kept.extend(some)
        if len(kept) >= lines:
            stop.set()

    async with asyncio.timeout(TIMES):
        await Log(member.connection, member.life, batch=100).each(record, stop)


async def everywhere(member: Member, message: str, users: Sequence[str]) -> None:
    """Put one chunk into the dead letters, one among the retries, one into the lane."""
    for place, retry in (("dead", ONCE), ("retried", LATER)):
        chunk = a_chunk(*(to(user, f"{message}-{place}") for user in users))
        await put(member.connection, 1, [chunk])
        await attempt(member, retry, recipients=len(users))
    await drain(member, lines=2 * len(users))
    await put(member.connection, 1, [a_chunk(*(to(user, f"{message}-lane") for user in users))])


async def all_there_is(connection: Connection) -> dict[bytes, str]:
    """Return every key of the server with all it holds, as text."""
    found: dict[bytes, str] = {}
    for key in await connection.do("KEYS", "*"):
        sort = await connection.do("TYPE", key)
        reads: dict[bytes, tuple[object, ...]] = {
            b"string": ("GET", key),
            b"hash": ("HGETALL", key),
            b"zset": ("ZRANGE", key, 0, -1),
            b"stream": ("XRANGE", key, "-", "+"),
        }
        found[key] = f"{key!r} {await connection.do(*reads[sort])!r}"
    return found


async def holding(connection: Connection, text: str) -> set[bytes]:
    return {key for key, held in (await all_there_is(connection)).items() if text in held}


async def notifications(connection: Connection) -> Notifications:
    return ledger_of(await figures(connection)).notifications


async def chunks_in(connection: Connection) -> list[Chunk]:
    entries = await connection.do("XRANGE", keys.outbox(1, "email"), "-", "+")
    return [unpack(flat[flat.index(b"d") + 1], Chunk) for _, flat in entries]


async def retries_in(connection: Connection) -> tuple[list[Chunk], list[bytes]]:
    """Return chunks to be tried again, and when."""
    flat = await connection.do("ZRANGE", keys.retry(1, "email"), 0, -1, "WITHSCORES")
    return [unpack(each.partition(b"\n")[2], Chunk) for each in flat[::2]], flat[1::2]


PLACES = {keys.outbox(1, "email").encode(), keys.retry(1, "email").encode(), keys.dead(1).encode()}


@pytest.mark.parametrize("users", [("alice",), ("alice", "bob"), ("bob", "alice")])
async def test_no_key_holds_the_address_of_a_purged_destination(
    join: Join, users: tuple[str, ...]
) -> None:
    async with join("sender") as member:
        await everywhere(member, "m", users)
        assert await holding(member.connection, ALICE) == PLACES
        assert await purge(member.connection, ALICES) == 3
        assert await holding(member.connection, "alice") == set()
        assert await holding(member.connection, BOB) == (PLACES if "bob" in users else set())


async def test_the_ledger_has_what_went_as_suppressed_and_stays_balanced(join: Join) -> None:
    async with join("sender") as member:
        await everywhere(member, "m", ["alice", "bob"])
        before = await notifications(member.connection)
        await purge(member.connection, ALICES)
        after = await notifications(member.connection)
    assert (before.waiting, before.retrying, before.dead) == (2, 2, 2)
    assert (after.waiting, after.retrying, after.dead) == (1, 1, 1)
    assert (before.suppressed, after.suppressed) == ({}, {"deleted": 3})
    assert (before.made, before.residual) == (after.made, after.residual) == (6, 0)


async def test_what_others_are_to_get_stays_as_it_was(join: Join) -> None:
    async with join("sender") as member:
        await everywhere(member, "m", ["alice", "bob"])
        _, due = await retries_in(member.connection)
        await purge(member.connection, ALICES)
        retried, still_due = await retries_in(member.connection)
        lane = await chunks_in(member.connection)
        letters = [letter async for _, letter in dead_letters(member.connection)]
    assert lane == [a_chunk(to("bob", "m-lane"))]
    assert (retried, still_due) == ([a_chunk(to("bob", "m-retried"), attempt=2)], due)
    assert [unpack(letter.entry, Chunk).recipients for letter in letters] == [
        (to("bob", "m-dead"),)
    ]


async def test_what_is_purged_is_not_sent_and_the_rest_is(join: Join) -> None:
    sent, stop = list[str](), asyncio.Event()

    async def send(content: Content, recipient: Recipient) -> None:
        sent.append(recipient.address)
        stop.set()

    async with join("sender") as member:
        await put(member.connection, 0, [a_chunk(to("alice")), a_chunk(to("alice"), to("bob"))])
        await purge(member.connection, ALICES)
        claims = Claims(member.connection, member.life, lifetime=timedelta(days=1))
        lane = Lane(member.connection, member.life, "email", claims=claims, retry=LATER)
        async with asyncio.timeout(TIMES):
            await lane.each(send, stop, at_once=4)
        after = await notifications(member.connection)
    assert sent == [BOB]
    assert (after.made, after.sent, after.suppressed, after.residual) == (3, 1, {"deleted": 2}, 0)


async def test_what_a_sender_has_in_hand_is_left_to_it(join: Join) -> None:
    begun, go, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send(content: Content, recipient: Recipient) -> None:
        begun.set()
        await go.wait()
        stop.set()

    async with join("sender") as member, asyncio.timeout(TIMES), asyncio.TaskGroup() as group:
        await put(member.connection, 0, [a_chunk(to("alice"))])
        claims = Claims(member.connection, member.life, lifetime=timedelta(days=1))
        lane = Lane(member.connection, member.life, "email", claims=claims, retry=LATER)
        sending = group.create_task(lane.each(send, stop, at_once=1))
        await begun.wait()
        went = await purge(member.connection, ALICES)
        go.set()
        await sending
        after = await notifications(member.connection)
    assert went == 0
    assert (after.sent, after.suppressed, after.residual) == (1, {}, 0)


async def test_every_channel_and_every_kind_is_purged_also_above_n(join: Join) -> None:
    irc = Content("irc", "a test", "a test")
    async with join("sender") as member:
        for k in (0, 1):
            await put(member.connection, k, [a_chunk(to("alice"), content=irc)] * 150)
            await put(member.connection, k, [a_chunk(to("alice"), to("bob"))] * 150)
        await set_channels(member.connection, 1)
        assert await purge(member.connection, ALICES) == 600
        after = await notifications(member.connection)
        assert await holding(member.connection, ALICE) == set()
    assert (after.waiting, after.suppressed, after.residual) == (300, {"deleted": 600}, 0)


async def test_purging_again_finds_nothing(join: Join) -> None:
    async with join("sender") as member:
        await everywhere(member, "m", ["alice", "bob"])
        await purge(member.connection, ALICES)
        before = await all_there_is(member.connection)
        assert await purge(member.connection, ALICES) == 0
        after = await all_there_is(member.connection)
    alive = {keys.alive(k).encode() for k in (0, 1)}
    assert {k: v for k, v in after.items() if k not in alive} == {
        k: v for k, v in before.items() if k not in alive
    }


async def test_a_line_of_the_log_that_was_given_up_goes_too(join: Join) -> None:
    stop = asyncio.Event()

    async def record(lines: Sequence[LogLine]) -> None:
        if any(isinstance(line, Outcome) for line in lines):
            stop.set()
            raise ValueError(f"cannot write {lines!r}")

    async with join("sender") as member:
        await put(member.connection, 1, [a_chunk(to("alice"))])
        await attempt(member, ONCE, recipients=1)
        async with asyncio.timeout(TIMES):
            await Log(member.connection, member.life, batch=9).each(record, stop)
        assert await member.connection.do("XLEN", keys.dead(1)) == 2
        assert await purge(member.connection, ALICES) == 1
        assert await holding(member.connection, ALICE) == set()
        after = await notifications(member.connection)
    assert (after.dead, after.suppressed, after.residual) == (0, {"deleted": 1}, 0)


async def test_what_cannot_be_read_here_stays_for_whoever_can(join: Join) -> None:
    async with join("sender") as member:
        await put(member.connection, 0, [a_chunk(to("bob"))])
        lane = keys.outbox(0, "email")
        for version, value in ((99, b"?"), (1, b"\xc1")):
            add = ("XADD", lane, "*", "v", version, "n", 1, "d", value)
            await member.connection.do(*add)
        assert await purge(member.connection, ALICES) == 0
        assert await member.connection.do("XLEN", lane) == 3
