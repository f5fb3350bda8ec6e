"""What senders learn of addresses, and who is absent: on the log, and waited for."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from fmn.emission import Content, Learned, News, Outcome, Recipient, State
from fmn.errors import Absent, AddressGone, AddressRefused
from fmn.model import DestinationId
from fmn.queues import keys
from fmn.queues.attempts import Attempts
from fmn.queues.claims import Claims
from fmn.queues.gate import Gate
from fmn.queues.intake import Intake
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.road import DAY, QUICK, judge_all, lines_of, send_all, totals


def lane(member: Member) -> Lane:
    claims = Claims(member.connection, member.life, lifetime=DAY)
    return Lane(member.connection, member.life, "email", claims=claims, retry=QUICK)


async def one_message(member: Member) -> None:
    await Intake(member.connection, member.life).put([a_message("m-1")])
    await judge_all(member, 1)


@pytest.mark.parametrize(
    ("raised", "state", "news"),
    [
        (None, State.SENT, News.PROVEN),
        (AddressGone("the subscription has ended"), State.FAILED, News.GONE),
        (AddressRefused("no such mailbox (550)"), State.FAILED, News.REFUSED),
    ],
)
async def test_what_a_send_taught_stands_on_the_log_beside_its_outcome(
    join: Join, raised: Exception | None, state: State, news: News
) -> None:
    reached = asyncio.Event()

    async def send(_content: Content, _recipient: Recipient) -> News | None:
        reached.set()
        if raised:
            raise raised
        return News.PROVEN

    async with join("worker") as member:
        await one_message(member)
        await send_all(member, send, reached)
        lines = await lines_of(member, 3)

    (outcome,) = [line for line in lines if isinstance(line, Outcome)]
    (learned,) = [line for line in lines if isinstance(line, Learned)]
    assert outcome.state is state
    assert (learned.destination, learned.news, learned.of) == ("d-email", news, "m-1:d-email")
    assert learned.reason == (str(raised.args[0]) if raised else "")


async def test_what_comes_back_by_itself_stands_on_the_log(join: Join) -> None:
    at = datetime(2026, 3, 29, 12, tzinfo=UTC)
    learned = Learned(DestinationId("d-email"), News.REFUSED, "<1@example.org>", "550", at)
    async with join("sender") as member:
        await lane(member).tell(learned)
        assert await lines_of(member, 1) == [learned]


async def test_who_is_absent_is_waited_for_beyond_all_attempts(join: Join) -> None:
    """Three attempts are allowed here: nobody being there counts as none of them."""
    times, reached = list[datetime](), asyncio.Event()

    async def send(_content: Content, _recipient: Recipient) -> None:
        times.append(datetime.now(UTC))
        if len(times) < 3 * QUICK.attempts:
            soon = timedelta(milliseconds=1)
            raise Absent("alice is not online", retry_after=soon, longest=DAY)
        reached.set()

    async with join("worker") as member:
        await one_message(member)
        await send_all(member, send, reached)
        counts = await totals(member)

    assert counts["sent email"] == 1
    assert counts["retried email"] == 3 * QUICK.attempts - 1
    assert not counts["dead email"]


async def test_who_is_absent_too_long_has_failed_and_is_no_dead_letter(join: Join) -> None:
    tries, reached = list[str](), asyncio.Event()

    async def send(_content: Content, recipient: Recipient) -> None:
        tries.append(recipient.address)
        if len(tries) == 2:
            reached.set()
        moment = timedelta(microseconds=1)
        raise Absent("alice is not online", retry_after=moment, longest=moment)

    async with join("worker") as member:
        await one_message(member)
        await send_all(member, send, reached)
        counts = await totals(member)
        lines = await lines_of(member, 3)

    assert counts["failed email"] == 1
    assert not counts["dead email"]
    states = [line.state for line in lines if isinstance(line, Outcome)]
    assert states == [State.RETRYING, State.FAILED]


async def test_a_neighbour_of_somebody_absent_keeps_its_own_attempts(join: Join) -> None:
    seen, reached = dict[str, int](), asyncio.Event()

    async def send(_content: Content, recipient: Recipient) -> None:
        seen[recipient.address] = seen.get(recipient.address, 0) + 1
        if recipient.address.startswith("absent"):
            if seen[recipient.address] == 2:
                reached.set()
                return
            raise Absent("not online", retry_after=timedelta(milliseconds=1), longest=DAY)

    async with join("worker") as member:
        absent = a_recipient("m-1", "d-absent", address="absent@example.org")
        present = a_recipient("m-1", "d-present", address="present@example.org")
        await put(member.connection, 0, [a_chunk(absent, present)])
        await send_all(member, send, reached)

    assert seen == {absent.address: 2, present.address: 1}


async def test_waiting_for_a_slow_peer_is_no_hang_and_has_an_end(join: Join) -> None:
    signs, waiting = list[float | None](), asyncio.Event()

    async def send(_content: Content, _recipient: Recipient) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with join("sender") as member:
        attempts = Attempts(
            Claims(member.connection, member.life, lifetime=DAY),
            member.life,
            send,
            asyncio.Semaphore(1),
            asyncio.Event(),
            Gate("email"),
            longest=timedelta(seconds=1),
            tick=0.01,
        )
        serving = asyncio.create_task(attempts.serve(a_chunk()))
        await waiting.wait()
        while not serving.done():
            signs.append(member.life._in_hand_since)
            await asyncio.sleep(0)
        (result,) = serving.result()

    assert len(set(signs)) > 1
    assert (result.state, result.reason) == (State.RETRYING, "no end after 1 s")


async def test_who_is_absent_together_stays_in_one_chunk(join: Join) -> None:
    reached, tries = asyncio.Event(), list[str]()

    async def send(_content: Content, recipient: Recipient) -> None:
        tries.append(recipient.keys[0])
        if len(tries) == 20:
            reached.set()
        raise Absent("busy", retry_after=timedelta(hours=1), longest=DAY)

    async with join("worker") as member:
        recipients = [a_recipient("m-1", f"d-{number}") for number in range(20)]
        await put(member.connection, 0, [a_chunk(*recipients)])
        await send_all(member, send, reached)
        assert await member.connection.do("ZCARD", keys.retry(0, "email")) == 1


async def test_a_mistake_of_a_sender_is_told_by_its_place_and_not_by_its_words(join: Join) -> None:
    async def send(_content: Content, _recipient: Recipient) -> None:
        words = "https://hooks.example.org/hush-hush"
        raise ValueError(words)

    async with join("sender") as member:
        claims = Claims(member.connection, member.life, lifetime=DAY)
        free, stop = asyncio.Semaphore(1), asyncio.Event()
        with capture_logs() as logged:
            (result,) = await Attempts(claims, member.life, send, free, stop, Gate("email")).serve(
                a_chunk()
            )

    assert (result.state, result.reason) == (State.RETRYING, "ValueError")
    [mistake] = [line for line in logged if line["log_level"] == "error"]
    assert "in send" in mistake["at"]
    assert "hush-hush" not in str(logged)
