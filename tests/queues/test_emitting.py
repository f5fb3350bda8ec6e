"""An emission for very many leaves in several steps; whoever takes it over goes on behind them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import Chunk, Content, Emission, Handled, Recipient
from fmn.model import Message, Origin
from fmn.queues import keys
from fmn.queues.channels import Channels
from fmn.queues.emitting import CHUNKS, in_parts
from fmn.queues.entries import Step
from fmn.queues.intake import Intake
from tests.factories import a_message, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.faulty import Faulty, When, bury
from tests.queues.road import judge_all, totals

SIZE = 2
"""Recipients of a chunk."""


def chunks_for(kinds: dict[str, int], message: str = "m-1") -> tuple[Chunk, ...]:
    """Return chunks as rendering makes them: by kind, then by destination."""
    made: list[Chunk] = []
    for kind in sorted(kinds):
        everybody = iter([a_recipient(message, f"d {i:05}") for i in range(kinds[kind])])
        while some := tuple(islice(everybody, SIZE)):
            made.append(Chunk(Origin("0/1-0"), Content(kind, "s", "t"), some))
    return tuple(made)


def emission_for(message: Message, kinds: dict[str, int]) -> Emission:
    handled = Handled(message, datetime.now(UTC), 1, sum(kinds.values()))
    return Emission(chunks_for(kinds, message.id), (handled,))


def recipients_in(steps: list[Step]) -> list[tuple[str, str]]:
    lanes = [write for step in steps for write in step.writes if ":outbox:" in write.key]
    chunks = [msgspec.msgpack.decode(write.value, type=Chunk) for write in lanes]
    return [(chunk.content.kind, to.keys[0]) for chunk in chunks for to in chunk.recipients]


@given(
    kinds=st.dictionaries(st.sampled_from(["email", "irc", "push"]), st.integers(1, 250)),
    died=st.integers(0, 8),
)
def test_from_wherever_it_is_taken_over_the_rest_follows_and_nothing_twice(
    kinds: dict[str, int], died: int
) -> None:
    emission = emission_for(a_message(), kinds)
    steps = in_parts(0, "1-0", emission, Counter())
    everybody = [(c.content.kind, to.keys[0]) for c in emission.chunks for to in c.recipients]
    assert recipients_in(steps) == everybody
    assert all(sum(":outbox:" in w.key for w in step.writes) <= CHUNKS for step in steps)

    done = steps[: min(died, len(steps) - 1)]
    come = done[-1].progress[1] if done and done[-1].progress else ""
    rest = in_parts(0, "1-0", emission, Counter(), come=come)
    assert recipients_in(done) + recipients_in(rest) == everybody
    made = sum((Counter(dict(step.counts)) for step in [*done, *rest]), Counter[str]())
    assert {name: made[f"made {name}"] for name in kinds} == kinds
    assert made["handled"] == 1


@pytest.mark.parametrize("when", ["before", "after", "answer lost"])
async def test_a_worker_that_dies_between_the_steps_is_followed_by_one_that_goes_on(
    join: Join, when: When
) -> None:
    kinds = {"email": 430, "irc": 100}
    stop = asyncio.Event()
    async with join("worker") as victim:
        await Intake(victim.connection, victim.life).put([a_message()])
        # Each step is a call of its own: they are too large to go together.
        faulty = Faulty(victim.connection, "step", when, at=2)
        work = Channels(faulty, victim.life, batch=10)  # type: ignore[arg-type]
        working = asyncio.create_task(work.each(lambda m, _: large(m, kinds), stop))
        while not working.done() and await left(victim):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.02)
        stop.set()
        with suppress(BaseException):
            await working
        await bury(victim)
    async with join("worker") as heir:
        if await left(heir):
            await judge_all(heir, 1, lambda m, _: large(m, kinds))
        counts = await totals(heir)
        progress = [await heir.connection.do("EXISTS", keys.progress(k)) for k in (0, 1)]
        emitted = [to.keys[0] async for to in in_lanes(heir, *kinds)]
    assert len(emitted) == sum(kinds.values())
    assert (counts["made email"], counts["made irc"], counts["handled"]) == (430, 100, 1)
    assert progress == [0, 0]


def large(message: Message, kinds: dict[str, int]) -> Emission:
    emission = emission_for(message, kinds)
    body = "x" * 30_000
    chunks = [
        Chunk(c.origin, Content(c.content.kind, "s", body), c.recipients) for c in emission.chunks
    ]
    return Emission(tuple(chunks), emission.log)


async def left(member: Member) -> int:
    return sum([await member.connection.do("XLEN", keys.channel(k)) for k in (0, 1)])


async def in_lanes(member: Member, *kinds: str) -> AsyncIterator[Recipient]:
    for k in (0, 1):
        for kind in kinds:
            for _, flat in await member.connection.do("XRANGE", keys.outbox(k, kind), "-", "+"):
                value = dict(zip(flat[::2], flat[1::2], strict=True))[b"d"]
                for to in msgspec.msgpack.decode(value, type=Chunk).recipients:
                    yield to
