"""From consumer to log over real servers: nothing is lost, nothing is emitted twice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fmn.emission import Content, Emission, Handled, LogLine, Outcome, Recipient, State
from fmn.errors import PermanentFailure, TransientFailure, Unavailable
from fmn.model import Message, Origin, Undecodable
from fmn.queues import keys
from fmn.queues.channels import Channels, steps_for
from fmn.queues.dead import dead_letter, dead_letters
from fmn.queues.entries import Step
from fmn.queues.figures import Figures, channels, figures, set_channels
from fmn.queues.intake import Intake
from fmn.queues.log import Log
from fmn.queues.reader import Reader
from fmn.report.gathered import load_of
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.road import (
    judge_all,
    lines_of,
    one_mail_each,
    send_all,
    totals,
    until,
    until_counted,
)


async def test_a_message_goes_all_the_way_and_every_count_says_so(join: Join) -> None:
    messages = [a_message(f"m-{i}") for i in range(50)]
    reached, sent = asyncio.Event(), list[tuple[str, ...]]()

    async def send(content: Content, recipient: Recipient) -> None:
        assert content.subject == "kernel was built"
        sent.append(recipient.keys)
        if len(sent) == len(messages):
            reached.set()

    async with join("worker") as worker, join("sender") as sender, join("recorder") as recorder:
        await Intake(worker.connection, worker.life).put([*messages, Undecodable(b"{", "no JSON")])
        await judge_all(worker, 50)
        await send_all(sender, send, reached)
        lines = await lines_of(recorder, 100)
        stand: list[Figures] = await figures(worker.connection)
        counts = await totals(worker)

    assert sorted(sent) == sorted((f"{m.id}:d-email",) for m in messages)
    handled = [line.message for line in lines if isinstance(line, Handled)]
    assert sorted(handled, key=lambda m: m.id) == sorted(messages, key=lambda m: m.id)
    states = Counter(line.state for line in lines if isinstance(line, Outcome))
    assert states == {State.SENT: 50}
    expected = {"taken": 50, "handled": 50, "made email": 50, "sent email": 50, "undecodable": 1}
    assert {name: counts[name] for name in expected} == expected
    assert all(f.messages_waiting == f.log_waiting == 0 for f in stand)
    assert all(f.waiting.get("email", 0) == 0 for f in stand)
    assert {f.counts["taken"] > 0 for f in stand} == {True}  # both channels were picked


async def test_what_waits_in_a_lane_is_counted_in_notifications(join: Join) -> None:
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(7)])
        waiting = sum(f.messages_waiting for f in await figures(worker.connection))
        await judge_all(worker, 7)
        stand = await figures(worker.connection)
    assert waiting == 7
    assert sum(f.waiting.get("email", 0) for f in stand) == 7


async def test_a_message_delivered_twice_by_the_bus_is_sent_once(join: Join) -> None:
    reached, sent = asyncio.Event(), list[str]()

    async def send(content: Content, recipient: Recipient) -> None:
        sent.append(recipient.keys[0])

    async with join("worker") as worker, join("sender") as sender:
        for _ in range(2):
            await Intake(worker.connection, worker.life).put([a_message()])
            await judge_all(worker, 1)
        asyncio.get_running_loop().create_task(
            _until_counted(worker, reached, "suppressed email duplicate", 1)
        )
        await send_all(sender, send, reached)
        counts = await totals(worker)
    assert sent == ["m-1:d-email"]
    assert (counts["made email"], counts["sent email"]) == (2, 1)


async def _until_counted(member: Member, reached: asyncio.Event, name: str, n: int) -> None:
    await until_counted(member, name, n)
    reached.set()


async def test_a_transient_failure_is_tried_again_then_a_dead_letter(join: Join) -> None:
    reached, attempts = asyncio.Event(), Counter[str]()

    async def send(content: Content, recipient: Recipient) -> None:
        attempts[recipient.keys[0]] += 1
        if recipient.keys == ("m-2:d-email",) and attempts["m-2:d-email"] == 2:
            return
        raise TransientFailure("421 try later")

    async with join("worker") as worker, join("sender") as sender:
        await Intake(worker.connection, worker.life).put([a_message("m-1"), a_message("m-2")])
        await judge_all(worker, 2)
        watch = asyncio.create_task(_until_counted(worker, reached, "dead email", 1))
        await send_all(sender, send, reached)
        await watch
        counts = await totals(worker)
        letters = [letter async for letter in dead_letters(worker.connection)]
        shown = await dead_letter(worker.connection, letters[0][0])
    assert attempts == {"m-1:d-email": 3, "m-2:d-email": 2}
    assert (counts["sent email"], counts["dead email"]) == (1, 1)
    assert [(letter.what, letter.tries, letter.why) for _, letter in letters] == [
        ("chunk", 3, "out of attempts: 421 try later")
    ]
    assert shown == letters[0][1]


async def test_a_permanent_failure_is_no_dead_letter_and_costs_its_neighbours_nothing(
    join: Join,
) -> None:
    async def send(content: Content, recipient: Recipient) -> None:
        if recipient.address == "bad":
            raise PermanentFailure("550 no such user")

    async with join("sender") as sender, join("recorder") as recorder:
        recipients = [a_recipient(destination=f"d-{i}") for i in range(9)]
        bad = a_recipient(destination="d-bad", address="bad")
        await _emit(sender, a_chunk(*recipients, bad))
        reached = asyncio.Event()
        watch = asyncio.create_task(_until_counted(sender, reached, "failed email", 1))
        await send_all(sender, send, reached)
        await watch
        lines = await lines_of(recorder, 10)
        letters = [letter async for letter in dead_letters(sender.connection)]
    outcomes = [line for line in lines if isinstance(line, Outcome)]
    failed = [(line.key, line.reason) for line in outcomes if line.state is State.FAILED]
    assert failed == [("m-1:d-bad", "550 no such user")]
    assert Counter(line.state for line in outcomes) == {State.SENT: 9, State.FAILED: 1}
    assert letters == []


async def _emit(member: Member, chunk: object) -> None:
    """Put a chunk into the lane as a worker would."""
    await Intake(member.connection, member.life).put([a_message()])
    stop, reached = asyncio.Event(), asyncio.Event()

    def judge(message: Message, origin: Origin) -> Emission:
        reached.set()
        return Emission((chunk,), ())  # type: ignore[arg-type]

    work = Channels(member.connection, member.life, batch=10).each(judge, stop)
    await until(stop, work, reached)


async def test_a_message_that_cannot_be_judged_is_a_dead_letter_and_the_others_go_on(
    join: Join,
) -> None:
    stop, reached, seen = asyncio.Event(), asyncio.Event(), set[str]()

    def judge(message: Message, origin: Origin) -> Emission:
        seen.add(message.id)
        if len(seen) == 20:
            reached.set()
        if message.id == "m-13":
            raise ZeroDivisionError("a bug")
        return one_mail_each(message, origin)

    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(20)])
        work = Channels(worker.connection, worker.life, batch=100).each(judge, stop)
        await until(stop, work, reached)
        counts = await totals(worker)
        letters = [letter async for _, letter in dead_letters(worker.connection)]
    assert (counts["handled"], counts["dead"], counts["made email"]) == (19, 1, 19)
    assert [letter.why for letter in letters] == ["ZeroDivisionError: a bug"]


async def test_what_a_dead_process_had_in_hand_is_taken_over_and_emitted_once(join: Join) -> None:
    async with join("worker") as worker:
        async with join("worker") as victim:
            await Intake(worker.connection, worker.life).put(
                [a_message(f"m-{i}") for i in range(30)]
            )
            for k in range(2):
                read = ("XREADGROUP", "GROUP", "workers", victim.life.name, "COUNT", 100)
                await worker.connection.do("XGROUP", "CREATE", keys.channel(k), "workers", "0")
                await victim.connection.do(*read, "STREAMS", keys.channel(k), ">")
            in_hand = [
                await worker.connection.do("XPENDING", keys.channel(k), "workers") for k in (0, 1)
            ]
            assert sum(pending[0] for pending in in_hand) == 30
        await judge_all(worker, 30)
        counts = await totals(worker)
    assert (counts["taken"], counts["handled"], counts["made email"]) == (30, 30, 30)


async def test_an_entry_that_killed_its_process_three_times_alone_is_a_dead_letter(
    join: Join,
) -> None:
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message()])
        k = next(f.channel for f in await figures(worker.connection) if f.messages_waiting)
        await worker.connection.do("XGROUP", "CREATE", keys.channel(k), "workers", "0")
        read = ("XREADGROUP", "GROUP", "workers", "gone@nowhere", "COUNT", 1)
        answer = await worker.connection.do(*read, "STREAMS", keys.channel(k), ">")
        entry = answer[0][1][0][0].decode()
        field = f"{keys.channel(k)} {entry}"
        await worker.connection.do("HSET", keys.suspects(k), field, 3)
        reached, stop = asyncio.Event(), asyncio.Event()
        watch = asyncio.create_task(_until_counted(worker, reached, "dead", 1))
        work = Channels(worker.connection, worker.life, batch=9).each(one_mail_each, stop)
        await until(stop, work, reached)
        await watch
        letters = [letter async for _, letter in dead_letters(worker.connection)]
        left = await worker.connection.do("HLEN", keys.suspects(k))
    assert "died 3 times" in letters[0].why
    assert left == 0


async def test_who_lost_an_entry_to_another_emits_nothing(join: Join) -> None:
    """A slow process finishes what was taken over and finished meanwhile."""
    async with join("worker") as slow, join("worker") as quick:
        await Intake(slow.connection, slow.life).put([a_message(f"m-{i}") for i in range(10)])
        robbed = Reader(slow.connection, slow.life, "workers", keys.channel)
        stop = asyncio.Event()
        async for batch in robbed.batches(100, stop):
            for k in (0, 1):
                await slow.connection.do("ZREM", keys.alive(k), slow.life.name)
            await judge_all(quick, 10)
            before = (await totals(quick))["made email"]
            steps = [
                step
                for e in batch.entries
                for step in steps_for(batch.channel, e, one_mail_each, worker="slow", helped=False)
            ]
            assert await robbed.finish(batch.channel, steps) == 0
            stop.set()
        after = (await totals(quick))["made email"]
    assert (before, after) == (10, 10)


async def test_who_lost_an_entry_emits_nothing_while_the_other_has_it_in_hand(join: Join) -> None:
    """Else the other's word is not counted, and only that one knows what is in doubt."""
    async with join("worker") as slow, join("worker") as quick:
        await Intake(slow.connection, slow.life).put([a_message()])
        stop = asyncio.Event()
        sleeper, robber = (
            Reader(one.connection, one.life, "workers", keys.channel) for one in (slow, quick)
        )
        async for lost in sleeper.batches(1, stop):
            for k in (0, 1):
                await slow.connection.do("ZREM", keys.alive(k), slow.life.name)
            async for batch in robber.batches(1, stop):
                step = Step(batch.entries[0].id, (), {"handled": 1})
                assert batch == replace(lost, entries=(replace(lost.entries[0], tries=1),))
                done = [await one.finish(batch.channel, [step]) for one in (sleeper, robber)]
                stop.set()
    assert done == [0, 1]


async def test_an_entry_of_another_version_stays_where_it_is(join: Join) -> None:
    async with join("worker") as worker:
        await worker.connection.do("XADD", keys.channel(0), "*", "v", 99, "n", 1, "d", b"?")
        await Intake(worker.connection, worker.life).put([a_message()])
        await judge_all(worker, 1)
        left = await worker.connection.do("XLEN", keys.channel(0))
        dead = [letter async for letter in dead_letters(worker.connection)]
    assert (left, dead) == (1, [])


async def test_an_entry_that_is_no_message_is_a_dead_letter(join: Join) -> None:
    async with join("worker") as worker:
        await worker.connection.do("XADD", keys.channel(0), "*", "v", 1, "n", 1, "d", b"\xc1")
        await Intake(worker.connection, worker.life).put([a_message()])
        reached, stop = asyncio.Event(), asyncio.Event()
        watch = asyncio.create_task(_until_counted(worker, reached, "dead", 1))
        work = Channels(worker.connection, worker.life, batch=9).each(one_mail_each, stop)
        await until(stop, work, reached)
        await watch
        dead = [letter.why async for _, letter in dead_letters(worker.connection)]
    assert len(dead) == 1
    assert "not a Message" in dead[0]


async def test_a_database_that_is_away_costs_the_log_nothing(join: Join) -> None:
    stop, reached, kept = asyncio.Event(), asyncio.Event(), list[LogLine]()
    tries = Counter[str]()

    async def record(lines: Sequence[LogLine]) -> None:
        tries["all"] += 1
        if tries["all"] == 1:
            raise Unavailable("the database")
        kept.extend(lines)
        reached.set()

    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message()])
        await judge_all(worker, 1)
        work = Log(worker.connection, worker.life, batch=100).each(record, stop)
        await until(stop, work, reached)
        left = sum(f.log_waiting for f in await figures(worker.connection))
    assert (len(kept), left) == (1, 0)


async def test_a_line_the_database_refuses_is_a_dead_letter_and_the_others_are_kept(
    join: Join,
) -> None:
    stop, reached, kept = asyncio.Event(), asyncio.Event(), set[str]()

    async def record(lines: Sequence[LogLine]) -> None:
        names = {line.message.id for line in lines if isinstance(line, Handled)}
        if "m-3" in names:
            raise ValueError("a line like no other")
        kept.update(names)

    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(8)])
        await judge_all(worker, 8)
        watch = asyncio.create_task(_until_counted(worker, reached, "unrecorded", 1))
        await until(
            stop, Log(worker.connection, worker.life, batch=100).each(record, stop), reached
        )
        await watch
        dead = [letter.why async for _, letter in dead_letters(worker.connection)]
    assert dead == ["a line like no other"]
    assert "m-3" not in kept


async def test_a_stopping_sender_leaves_what_it_did_not_begin_for_the_next(join: Join) -> None:
    recipients = [a_recipient(destination=f"d-{i}") for i in range(10)]
    begun, sent = list[str](), list[str]()
    async with join("sender") as first:
        await _emit(first, a_chunk(*recipients))
        reached = asyncio.Event()

        async def send(content: Content, recipient: Recipient) -> None:
            begun.append(recipient.keys[0])
            reached.set()
            await asyncio.sleep(0)

        await send_all(first, send, reached, at_once=1)
    done = len(begun)
    assert 0 < done < 10
    async with join("sender") as second:
        reached = asyncio.Event()

        async def send_rest(content: Content, recipient: Recipient) -> None:
            sent.append(recipient.keys[0])
            if len(sent) + done == 10:
                reached.set()

        await send_all(second, send_rest, reached)
        counts = await totals(second)
    assert sorted(begun + sent) == sorted(r.keys[0] for r in recipients)
    assert counts["sent email"] == 10


async def test_fewer_channels_are_still_read_until_they_are_empty(join: Join) -> None:
    async with join("worker") as worker:
        assert await channels(worker.connection) == 2
        await Intake(worker.connection, worker.life).put([a_message(f"m-{i}") for i in range(40)])
        await set_channels(worker.connection, 1)
        async with asyncio.timeout(10):
            while worker.life.crew.channels != 1:  # noqa: ASYNC110  # a thread sets it
                await asyncio.sleep(0.02)
        await Intake(worker.connection, worker.life).put([a_message("late")])
        await judge_all(worker, 41)
        stand = await figures(worker.connection)
    assert [f.messages_waiting for f in stand] == [0, 0]
    # What another pick spread is not held against this one.
    assert [(one.channel, one.messages) for one in load_of(stand, 1).channels] == [(0, 1)]
