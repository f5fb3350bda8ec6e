"""Dead letters: replayed once, dropped once, and what was sent of a message is not sent again."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from fmn.emission import Content, Emission, LogLine, Recipient
from fmn.errors import InputError, TransientFailure
from fmn.model import Message, Origin, Undecodable
from fmn.queues.channels import Channels
from fmn.queues.connection import Connection
from fmn.queues.dead import dead_letters, drop, replay
from fmn.queues.figures import figures
from fmn.queues.intake import Intake
from fmn.queues.log import Log
from fmn.queues.outgoing import put
from fmn.report.gathered import ledger_of
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.road import judge_all, lines_of, one_mail_each, send_all, totals, until
from tests.queues.road import until_counted as counted


async def letters(connection: Connection) -> list[str]:
    return [name async for name, _ in dead_letters(connection)]


async def residuals(member: Member) -> tuple[int, int]:
    ledger = ledger_of(await figures(member.connection))
    return ledger.messages.residual, ledger.notifications.residual


async def a_dead_message(member: Member) -> tuple[str, Origin]:
    """Let a worker give a message up; return the letter's id and the message's origin."""
    stop, reached, origins = asyncio.Event(), asyncio.Event(), list[Origin]()

    def judge(message: Message, origin: Origin) -> Emission:
        origins.append(origin)
        reached.set()
        raise ZeroDivisionError("a bug")

    await Intake(member.connection, member.life).put([a_message()])
    await until(stop, Channels(member.connection, member.life, batch=9).each(judge, stop), reached)
    [name] = await letters(member.connection)
    return name, origins[0]


async def test_a_message_is_replayed_once_with_the_origin_it_had(join: Join) -> None:
    origins = list[Origin]()

    def judge(message: Message, origin: Origin) -> Emission:
        origins.append(origin)
        return one_mail_each(message, origin)

    async with join("worker") as worker:
        name, first_origin = await a_dead_message(worker)
        first = (await totals(worker))["dead"]
        assert await replay(worker.connection, name)
        assert not await replay(worker.connection, name)
        assert await residuals(worker) == (0, 0)
        await judge_all(worker, 1, judge)
        counts = await totals(worker)
        assert await residuals(worker) == (0, 0)
        left = await letters(worker.connection)
    assert (first, counts["dead"], counts["handled"], left) == (1, 0, 1, [])
    assert origins == [first_origin]


async def test_what_left_of_a_message_before_it_was_given_up_is_not_sent_again_by_its_replay(
    join: Join,
) -> None:
    sent, done = list[str](), asyncio.Event()

    def judge(message: Message, origin: Origin) -> Emission:
        def rest() -> Emission:
            if not sent:
                raise ZeroDivisionError("a bug")
            return one_mail_each(message, origin)

        return Emission((a_chunk(a_recipient(message.id, "a"), origin=origin),), (), rest)

    async def send(_content: Content, recipient: Recipient) -> None:
        sent.extend(recipient.keys)

    async def all_sent(sender: Member, n: int) -> None:
        await counted(sender, "sent email", n)
        done.set()

    async with join("worker") as worker, join("sender") as sender:
        await Intake(worker.connection, worker.life).put([a_message()])
        for n in (1, 3):
            await judge_all(worker, 1, judge)
            watch = asyncio.create_task(all_sent(sender, n))
            await send_all(sender, send, done)
            await watch
            done.clear()
            assert await residuals(worker) == (0, 0)
            for name in await letters(worker.connection):
                assert await replay(worker.connection, name)
        assert (await totals(worker))["handled"] == 1
    assert sent == ["m-1:a", "m-1:d-email"]


async def test_out_of_attempts_a_chunk_is_replayed_with_all_attempts_anew(join: Join) -> None:
    attempts, reached = Counter[str](), asyncio.Event()

    async def send(_content: Content, _recipient: Recipient) -> None:
        attempts["all"] += 1
        if attempts["all"] < 5:  # three attempts, and one of the next three
            raise TransientFailure("451 try later")
        reached.set()

    async with join("sender") as sender:
        await put(sender.connection, 0, [a_chunk()])
        dead = asyncio.Event()
        watch = asyncio.create_task(_set_when(sender, dead, "dead email"))
        await send_all(sender, send, dead)
        await watch
        [name] = await letters(sender.connection)
        assert [await replay(sender.connection, name) for _ in range(3)] == [True, False, False]
        assert await residuals(sender) == (0, 0)
        await send_all(sender, send, reached)
        counts = await totals(sender)
        assert await residuals(sender) == (0, 0)
    assert attempts["all"] == 5
    assert (counts["made email"], counts["sent email"], counts["dead email"]) == (1, 1, 0)


async def _set_when(member: Member, event: asyncio.Event, name: str) -> None:
    await counted(member, name, 1)
    event.set()


async def test_a_line_of_the_log_is_recorded_when_it_is_replayed(join: Join) -> None:
    stop, reached = asyncio.Event(), asyncio.Event()

    async def record(lines: Sequence[LogLine]) -> None:
        reached.set()
        raise ValueError("a line like no other")

    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message()])
        await judge_all(worker, 1)
        log = Log(worker.connection, worker.life, batch=9)
        await until(stop, log.each(record, stop), reached)
        [name] = await letters(worker.connection)
        assert await replay(worker.connection, name)
        [line] = await lines_of(worker, 1)
        counts = await totals(worker)
    assert type(line).__name__ == "Handled"
    assert (counts["unrecorded"], counts["recorded"]) == (0, 1)


async def test_what_could_not_be_decoded_cannot_be_replayed_but_dropped(join: Join) -> None:
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([Undecodable(b"{", "no JSON")])
        [name] = await letters(worker.connection)
        with pytest.raises(InputError, match="only its first bytes were kept"):
            await replay(worker.connection, name)
        assert [await drop(worker.connection, name) for _ in range(2)] == [True, False]
        assert await letters(worker.connection) == []


async def test_what_is_dropped_stays_counted_as_dead(join: Join) -> None:
    async with join("worker") as worker:
        name, _ = await a_dead_message(worker)
        assert await drop(worker.connection, name)
        ledger = ledger_of(await figures(worker.connection))
    assert (ledger.messages.dead, ledger.messages.residual) == (1, 0)


@pytest.mark.parametrize("name", ["", "0", "0/", "x/1-0", "0/1-0", "9/1-0", "0/1-0 "])
async def test_a_letter_that_is_not_there_is_neither_replayed_nor_dropped(
    join: Join, name: str
) -> None:
    async with join("worker") as worker:
        assert not await replay(worker.connection, name)
        assert not await drop(worker.connection, name)
