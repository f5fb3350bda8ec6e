"""Bad input at the second door: entries that were put into the queues by hand, among good ones."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
import structlog

from fmn.emission import Chunk, Content, Emission, Handled, LogLine, Outcome, Recipient, State
from fmn.model import Key, Message, Origin
from fmn.queues import keys
from fmn.queues.channels import Channels
from fmn.queues.claims import Claims
from fmn.queues.connection import Connection
from fmn.queues.crew import processes
from fmn.queues.dead import dead_letter, dead_letters, held
from fmn.queues.entries import DeadLetter, pack
from fmn.queues.figures import channels, figures
from fmn.queues.intake import Intake
from fmn.queues.log import Log
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from fmn.queues.purge import purge
from fmn.report.gathered import ledger_of, load_of
from fmn.report.ledger import Ledger, draw_ledger
from tests.factories import a_chunk, a_message, a_recipient
from tests.malformed import Entries, Fields, counted, dice, inputs, newer
from tests.queues.conftest import Join, Member
from tests.queues.road import DAY, QUICK, one_mail_each, totals
from tests.report.terminal import drawn

__all__ = ["dice"]

GOOD = 50
AT = datetime(2026, 5, 4, 8, tzinfo=UTC)
LINES: tuple[LogLine, ...] = (
    Handled(a_message(), AT, 7, 1),
    Outcome(Key("m-1:d-1"), "email", (), State.SENT, AT),
)
Run = Callable[[asyncio.Event], Awaitable[None]]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Say nothing: a trace drawn for each of so many takes longer than all the rest."""
    with structlog.testing.capture_logs():
        yield


async def add(connection: Connection, stream: Callable[[int], str], some: Sequence[Fields]) -> None:
    """Put entries into the streams of both channels by hand."""
    for at in range(0, len(some), 500):
        page = some[at : at + 500]
        flat = [[part for pair in fields for part in pair] for fields in page]
        await connection.all([("XADD", stream(i % 2), "*", *each) for i, each in enumerate(flat)])


async def run_until(member: Member, work: Run, done: Callable[[Counter[str]], bool]) -> None:
    """Work until the counts say that it is done; it must not end before."""
    stop = asyncio.Event()
    task = asyncio.create_task(_run(work(stop)))
    async with asyncio.timeout(60 + inputs() / 50):
        while not done(await totals(member)):
            assert not task.done(), task.exception()
            await asyncio.sleep(0.05)
        stop.set()
        await task


async def _run(work: Awaitable[None]) -> None:
    await work


async def ledger_in(member: Member) -> Ledger:
    return ledger_of(await figures(member.connection))


def versions(some: Sequence[Fields]) -> Counter[int]:
    return Counter(version for fields in some if (version := newer(fields)))


async def waits(member: Member, stream: Callable[[int], str]) -> int:
    found: list[int] = [await member.connection.do("XLEN", stream(k)) for k in range(2)]
    return sum(found)


async def reasons(member: Member) -> Counter[str]:
    """Return what every dead letter says: each has a reason, and can be shown."""
    found: Counter[str] = Counter()
    async for _, letter in dead_letters(member.connection):
        assert letter.why
        msgspec.json.encode(held(letter))
        found[letter.what] += 1
    return found


@pytest.mark.parametrize("lost", [False, True], ids=["new", "lost on the way"])
async def test_a_worker_handles_every_good_message_and_buries_the_rest(
    join: Join, dice: Random, *, lost: bool
) -> None:
    entries = Entries(dice, [pack(a_message())], Message)
    bad = [entries.fields() for _ in range(inputs())]
    left, good = versions(bad), [a_message(f"good-{i}") for i in range(GOOD)]
    buried = len(bad) - left.total()
    judged: Counter[str] = Counter()

    def judge(message: Message, origin: Origin) -> Emission:
        judged[message.id] += 1
        return one_mail_each(message, origin)

    async with join("worker") as worker:
        await add(worker.connection, keys.channel, bad[::2])
        await Intake(worker.connection, worker.life).put(good)
        await add(worker.connection, keys.channel, bad[1::2])
        if lost:
            await read_and_forget(worker, keys.channel, "workers")
        before = await ledger_in(worker)
        work = Channels(worker.connection, worker.life, batch=50).each
        await run_until(
            worker,
            lambda stop: work(judge, stop),
            lambda c: (c["handled"], c["dead"]) == (GOOD, buried) and unknown(c) == left.total(),
        )
        after = await ledger_in(worker)
        assert await waits(worker, keys.channel) == left.total()
        assert await reasons(worker) == {"message": buried}
    assert judged == {message.id: 1 for message in good}
    # Nobody took what was put there by hand: it is more than came in, at every moment.
    assert before.messages.residual == after.messages.residual == -len(bad)
    assert after.unknown == left


async def read_and_forget(member: Member, stream: Callable[[int], str], group: str) -> None:
    """Read all as this member, the answer lost on the way to it."""
    for k in range(2):
        await member.connection.do("XGROUP", "CREATE", stream(k), group, "0", "MKSTREAM")
        await member.connection.do(
            "XREADGROUP",
            "GROUP",
            group,
            member.life.name,
            "COUNT",
            10**9,
            "STREAMS",
            stream(k),
            ">",
        )


def unknown(counts: Counter[str]) -> int:
    return sum(by for name, by in counts.items() if name.startswith("unknown "))


async def test_a_sender_sends_every_good_chunk_and_buries_the_rest(
    join: Join, dice: Random
) -> None:
    entries = Entries(dice, [pack(a_chunk())], Chunk)
    bad = [entries.fields() for _ in range(inputs() // 2)]
    late = {entries.member() for _ in range(inputs() - inputs() // 2)}
    left, sent = versions(bad), Counter[str]()

    async def send(content: Content, recipient: Recipient) -> None:
        sent[recipient.keys[0]] += 1

    def outbox(k: int) -> str:
        return keys.outbox(k, "email")

    async with join("sender") as sender:
        await add(sender.connection, outbox, bad[::2])
        for k in range(2):
            chunks = [a_chunk(a_recipient(f"good-{k}-{i}")) for i in range(GOOD)]
            await put(sender.connection, k, chunks)
        await add(sender.connection, outbox, bad[1::2])
        for i, member in enumerate(sorted(late)):
            await sender.connection.do("ZADD", keys.retry(i % 2, "email"), i, member)
        before = await ledger_in(sender)
        claims = Claims(sender.connection, sender.life, lifetime=DAY)
        lane = Lane(sender.connection, sender.life, "email", claims=claims, retry=QUICK)
        letters = len(bad) - left.total() + len(late)

        async def buried() -> int:
            return sum([await sender.connection.do("XLEN", keys.dead(k)) for k in range(2)])

        stop = asyncio.Event()
        task = asyncio.create_task(lane.each(send, stop, at_once=8))
        async with asyncio.timeout(60 + inputs() / 50):
            while (
                await buried() < letters
                or len(sent) < 2 * GOOD
                or unknown(await totals(sender)) < left.total()
            ):
                assert not task.done(), task.exception()
                await asyncio.sleep(0.05)
            stop.set()
            await task
        after = await ledger_in(sender)
        assert await reasons(sender) == {"chunk": letters}
        assert await waits(sender, outbox) == left.total()
    assert sent == {f"good-{k}-{i}:d-email": 1 for k in range(2) for i in range(GOOD)}
    stood_for = sum(map(counted, bad)) + sum(map(of_member, late))
    assert before.notifications.residual == after.notifications.residual == -stood_for
    assert after.notifications.sent == after.notifications.made == 2 * GOOD
    assert after.unknown == left


def of_member(member: bytes) -> int:
    """Return how many notifications a member's head says it stands for."""
    words = member.partition(b"\n")[0].split(b" ")
    ours = b"\n" in member and len(words) == 3 and all(words)
    return int(words[2]) if ours and words[1].isdigit() and words[2].isdigit() else 0


async def test_a_recorder_keeps_every_good_line_and_buries_the_rest(
    join: Join, dice: Random
) -> None:
    entries = Entries(dice, [pack(line) for line in LINES], None)
    bad = [entries.fields() for _ in range(inputs())]
    good: list[Fields] = [
        [(b"v", b"1"), (b"n", b"1"), (b"d", pack(LINES[i % 2]))] for i in range(GOOD)
    ]
    left, kept = versions(bad), list[LogLine]()
    buried = len(bad) - left.total()

    async def record(lines: Sequence[LogLine]) -> None:
        kept.extend(lines)

    async with join("recorder") as recorder:
        await add(recorder.connection, keys.log, bad[::2] + good + bad[1::2])
        work = Log(recorder.connection, recorder.life, batch=100).each
        await run_until(
            recorder,
            lambda stop: work(record, stop),
            lambda c: (
                (c["recorded"], c["unrecorded"]) == (GOOD, buried) and unknown(c) == left.total()
            ),
        )
        assert await reasons(recorder) == {"log line": buried}
        assert await waits(recorder, keys.log) == left.total()
        assert (await ledger_in(recorder)).balanced
    assert Counter(map(repr, kept)) == {repr(line): GOOD // 2 for line in LINES}


async def test_dead_letters_that_are_none_are_listed_and_shown_with_the_others(
    join: Join, dice: Random
) -> None:
    letter = DeadLetter("message", "worker", "it was good once", 1, AT, pack(a_message()))
    entries = Entries(dice, [pack(letter)], DeadLetter)
    bad = [entries.fields() for _ in range(inputs())]
    last: Fields = [(b"v", b"1"), (b"n", b"1"), (b"d", pack(letter))]
    async with join("web") as web:
        await add(web.connection, keys.dead, [*bad, last])
        await web.connection.do("XADD", keys.dead(1), f"{2**64 - 1}-1", "d", "at the end of time")
        found = await reasons(web)
        assert found == {"dead letter": len(bad) + 1, "message": 1}
        names = [name async for name, _ in dead_letters(web.connection)]
        for name in dice.sample(names, 20):
            assert await dead_letter(web.connection, name)
        for name in ("", "0", "0/", "0/x", f"0/{2**64}-0", "0/1-1-1", "0/\u00b2", "\u0663/1-1"):
            assert await dead_letter(web.connection, name) is None
        assert await purge(web.connection, frozenset({"d-nobody"})) == 0


async def test_purging_passes_what_it_cannot_read(join: Join, dice: Random) -> None:
    entries, gone = Entries(dice, [pack(a_chunk())], Chunk), a_recipient("m-1", "d-gone")
    bad, late = [entries.fields() for _ in range(200)], [entries.member() for _ in range(200)]
    async with join("web") as web:
        await put(web.connection, 0, [a_chunk(gone)])
        await add(web.connection, lambda k: keys.outbox(k, "email"), bad)
        for member in late:
            await web.connection.do("ZADD", keys.retry(0, "email"), 1, member)
        assert await purge(web.connection, frozenset({"d-gone"})) == 1


WRONG = [b"", b"abc", b"1.5", b"9" * 5000, b"-" + b"9" * 17, b"\xff", b"nan"]


async def test_what_is_beside_the_entries_may_be_anything(join: Join, dice: Random) -> None:
    words = (b"taken", b"handled", b"made email", b"made ", b"worker ", b"worker x busy", b"\xff")
    waiting = (b"wait x abc", b"wait x", b"unknown", b"unknown x", b"unknown 2", b"sent email")
    names = [f"good-{i}" for i in range(GOOD)]
    sent = Counter[str]()

    async def send(content: Content, recipient: Recipient) -> None:
        sent[recipient.keys[0]] += 1

    async with join("worker") as worker, join("sender") as sender:
        do = worker.connection.do
        for name in (*words, *waiting):
            await do("HSET", keys.counts(0), name, dice.choice(WRONG))
            await do("HSET", keys.counts(1), name, dice.choice(WRONG))
        await do("ZADD", keys.alive(0), "inf", b"\xff\xfe", "-inf", "worker@")
        for one in names:
            claim = dice.choice((b"sent", b"claimed  x", b"\xff\xfe \n", b"a b c d e f", b""))
            await do("SET", keys.claim(f"{one}:d-email"), claim)
        await do("SET", keys.MOST_CHANNELS, b"9" * 30)
        await Intake(worker.connection, worker.life).put([a_message(name) for name in names])
        await read_and_forget(worker, keys.channel, "workers")
        for k in range(2):
            for entry, _ in await do("XRANGE", keys.channel(k), "-", "+"):
                suspect = keys.channel(k).encode() + b" " + entry
                await do("HSET", keys.suspects(k), suspect, dice.choice(WRONG))
        stop = asyncio.Event()
        claims = Claims(sender.connection, sender.life, lifetime=DAY)
        lane = Lane(sender.connection, sender.life, "email", claims=claims, retry=QUICK)
        work = Channels(worker.connection, worker.life, batch=5)
        tasks = [
            asyncio.create_task(lane.each(send, stop, at_once=4)),
            asyncio.create_task(work.each(one_mail_each, stop)),
        ]
        async with asyncio.timeout(60):
            while len(sent) < GOOD:
                assert not any(task.done() for task in tasks)
                stand = await figures(worker.connection)
                ledger_of(stand).as_json()
                load_of(stand, 2).as_json()
                await asyncio.sleep(0.05)
            stop.set()
            await asyncio.gather(*tasks)
        assert len(await processes(worker.connection)) == 2  # those that signed
    assert sent == {f"{name}:d-email": 1 for name in names}


@pytest.mark.parametrize("n", [*WRONG, b"0", b"-1", b"1025", b"10000000000"])
async def test_a_number_of_channels_that_is_none_is_as_if_nobody_had_set_it(
    join: Join, n: bytes
) -> None:
    async with join("web") as web:
        await web.connection.do("SET", keys.CHANNELS, n)
        await web.connection.do("SET", keys.MOST_CHANNELS, n)
        assert await channels(web.connection) is None
        assert await figures(web.connection) == []
        async with join("worker") as worker:
            assert (worker.life.crew.channels, worker.life.crew.most_channels) == (2, 2)


async def test_a_key_of_another_type_is_waited_for_and_nothing_is_written_twice(
    join: Join,
) -> None:
    async with join("worker") as worker:
        do, stop = worker.connection.do, asyncio.Event()
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(20)])
        for k in range(2):
            await do("SET", keys.log(k), "a string")
        task = asyncio.create_task(
            Channels(worker.connection, worker.life, batch=5).each(one_mail_each, stop)
        )
        done, _ = await asyncio.wait({task}, timeout=1)
        assert not done
        lanes = [await do("XLEN", keys.outbox(k, "email")) for k in range(2)]
        assert lanes == [0, 0]  # nothing of a step that cannot be whole
        for k in range(2):
            await do("DEL", keys.log(k))
        async with asyncio.timeout(30):
            while (await totals(worker))["handled"] < 20:  # noqa: ASYNC110  # it is on the server
                await asyncio.sleep(0.05)
        stop.set()
        await task
        ledger = await ledger_in(worker)
    assert ledger.balanced
    assert (ledger.messages.handled, ledger.notifications.made) == (20, 20)


async def test_an_entry_for_a_newer_fmn_waits_for_it_is_said_once_and_is_counted(
    join: Join,
) -> None:
    newer_ones: list[Fields] = [[(b"v", v), (b"n", b"1"), (b"d", b"?")] for v in (b"2", b"2", b"3")]
    async with join("worker") as worker:
        work = Channels(worker.connection, worker.life, batch=5).each
        with structlog.testing.capture_logs() as said:
            await add(worker.connection, keys.channel, newer_ones)
            await run_until(
                worker, lambda stop: work(one_mail_each, stop), lambda c: unknown(c) == 3
            )
        ledger = await ledger_in(worker)
        stand = [
            await worker.connection.do("XPENDING", keys.channel(k), "workers") for k in range(2)
        ]
    log = [line["version"] for line in said if "format version" in line["event"]]
    assert sorted(log) == [2, 3]
    assert ledger.as_json()["unknown_versions"] == {"2": 2, "3": 1}
    assert "2 entries of format version 2" in drawn(draw_ledger(ledger))
    # In the name under which a newer fmn takes them over, as it would those of a dead process.
    assert [found[3] for found in stand] == [[[b"unknown to 1", b"2"]], [[b"unknown to 1", b"1"]]]
