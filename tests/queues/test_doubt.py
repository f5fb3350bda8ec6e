"""A sender dies, or an answer is lost, at each place there is: what people get, what is counted.

The expected values are those of the design, section 5: its own origin finding `sent` reports it,
finding `refused` may try, finding `claimed` is in doubt.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from fmn.config import Retry
from fmn.emission import Content, Recipient
from fmn.errors import InDoubt, TransientFailure
from fmn.queues.claims import Claims
from fmn.queues.dead import dead_letters, drop, replay
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.faulty import Died, Faulty, When, bury
from tests.queues.road import DAY, totals, until_counted

KEY = a_recipient().keys[0]


@dataclass
class World:
    """Where mails arrive. It may be that a sender dies just before or after one does."""

    dies: str = ""
    received: int = 0

    async def send(self, _content: Content, _recipient: Recipient) -> None:
        dies, self.dies = self.dies, ""
        if dies == "before the content left":
            raise Died
        self.received += 1
        if dies == "after the content left":
            raise Died


def lane_of(member: Member, connection: Any, *, hold: bool = False) -> Lane:
    claims = Claims(connection, member.life, lifetime=DAY)
    kinds = ["email"] if hold else []
    told = {"attempts": 5, "first": "0.01s", "longest": "0.01s", "hold_in_doubt": kinds}
    retry = Retry.model_validate(told)
    return Lane(connection, member.life, "email", claims=claims, retry=retry)


async def serve(
    member: Member, connection: Any, world: Any, until: str, *, hold: bool = False
) -> None:
    """Run a sender until something is counted once, or it dies."""
    stop = asyncio.Event()
    lane = lane_of(member, connection, hold=hold)
    sending = asyncio.create_task(lane.each(world.send, stop, at_once=1))
    counting = asyncio.create_task(until_counted(member, until, 1))
    async with asyncio.timeout(30):
        await asyncio.wait({sending, counting}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        counting.cancel()
        with suppress(BaseExceptionGroup):
            await sending


async def dies_and_is_followed(
    join: Join, world: World, script: str, when: When, *, hold: bool
) -> tuple[dict[str, int], int]:
    """One sender dies in the middle, another follows; return the counts and the dead letters."""
    until = "doubt email" if hold else "done"
    async with join("worker") as operator:
        await put(operator.connection, 0, [a_chunk()])
        async with join("sender") as victim:
            await serve(victim, Faulty(victim.connection, script, when), world, "never", hold=hold)
            await bury(victim)
        async with join("sender") as heir:
            await serve(heir, heir.connection, world, until, hold=hold)
        counts = await totals(operator)
        letters = [name async for name, _ in dead_letters(operator.connection)]
    return {name: counts[name] for name in ("sent email", "doubt email")}, len(letters)


NOWHERE = "no script"


@pytest.mark.parametrize(
    ("dies", "script", "when", "expected"),
    [
        ("", "claim", "before", (1, 1, 0)),
        ("", "claim", "after", (1, 0, 1)),
        ("before the content left", NOWHERE, "before", (1, 0, 1)),
        ("after the content left", NOWHERE, "before", (2, 0, 1)),
        ("", "mark", "before", (2, 0, 1)),
        ("", "mark", "after", (1, 1, 0)),
        ("", "step", "before", (1, 1, 0)),
        ("", "step", "after", (1, 1, 0)),
    ],
)
async def test_killed_anywhere_it_arrives_and_twice_only_where_that_is_counted(
    join: Join, dies: str, script: str, when: When, expected: tuple[int, int, int]
) -> None:
    """`expected`: how often it arrives, counted as sent, counted as in doubt."""
    world = World(dies)
    counts, letters = await dies_and_is_followed(join, world, script, when, hold=False)
    assert (world.received, counts["sent email"], counts["doubt email"]) == expected
    assert letters == 0


@pytest.mark.parametrize(
    ("dies", "script", "when", "received"),
    [
        ("", "claim", "after", 0),
        ("before the content left", NOWHERE, "before", 0),
        ("after the content left", NOWHERE, "before", 1),
        ("", "mark", "before", 1),
    ],
)
async def test_where_its_kind_holds_what_is_in_doubt_is_a_dead_letter_and_never_sent_twice(
    join: Join, dies: str, script: str, when: When, received: int
) -> None:
    world = World(dies)
    counts, letters = await dies_and_is_followed(join, world, script, when, hold=True)
    assert world.received == received
    assert counts == {"sent email": 0, "doubt email": 1}
    assert letters == 1


@pytest.mark.parametrize("script", ["claim", "mark", "step"])
async def test_a_lost_answer_is_asked_for_again_and_changes_nothing(
    join: Join, script: str
) -> None:
    world = World()
    async with join("sender") as sender:
        await put(sender.connection, 0, [a_chunk()])
        faulty = Faulty(sender.connection, script, "answer lost")
        await serve(sender, faulty, world, "sent email")
        counts = await totals(sender)
    assert faulty.seen >= 1
    assert world.received == 1
    assert (counts["sent email"], counts["doubt email"], counts["made email"]) == (1, 0, 1)


@dataclass
class Peer:
    """A peer that answers as it is told, once for each attempt."""

    answers: list[Exception | None]
    attempts: int = 0

    async def send(self, _content: Content, _recipient: Recipient) -> None:
        self.attempts += 1
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


@pytest.mark.parametrize(
    ("answers", "counted"),
    [
        ([InDoubt("lost behind DATA"), None], "doubt email"),
        ([InDoubt("lost behind DATA"), TransientFailure("451"), None], "doubt email"),
        ([TransientFailure("451"), None], "sent email"),
    ],
)
async def test_a_peer_that_leaves_us_in_doubt_is_tried_again_and_that_is_counted(
    join: Join, answers: list[Exception | None], counted: str
) -> None:
    peer, attempts = Peer(list(answers)), len(answers)
    async with join("sender") as sender:
        await put(sender.connection, 0, [a_chunk()])
        await serve(sender, sender.connection, peer, counted)
        counts = await totals(sender)
    assert peer.attempts == attempts
    assert counts[counted] == 1
    assert counts["sent email"] + counts["doubt email"] == 1


async def test_what_is_held_in_doubt_goes_out_when_an_operator_replays_it(join: Join) -> None:
    peer = Peer([InDoubt("lost behind DATA"), None])
    async with join("sender") as sender:
        await put(sender.connection, 0, [a_chunk()])
        await serve(sender, sender.connection, peer, "doubt email", hold=True)
        [name] = [name async for name, _ in dead_letters(sender.connection)]
        assert (await totals(sender))["doubt email"] == 1
        assert await replay(sender.connection, name)
        assert (await totals(sender))["doubt email"] == 0
        assert not await replay(sender.connection, name)
        assert not await drop(sender.connection, name)
        await serve(sender, sender.connection, peer, "doubt email", hold=True)
        counts = await totals(sender)
        letters = [name async for name, _ in dead_letters(sender.connection)]
    assert peer.attempts == 2
    assert (counts["made email"], counts["doubt email"], letters) == (1, 1, [])
