"""An emission for very many leaves in several steps; whoever takes it over goes on behind them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.emission import Chunk, Content, Emission, Handled, LogLine, Outcome, State
from fmn.model import DestinationId, Key, Message, Origin, key_of
from fmn.queues import keys
from fmn.queues.channels import Channels, steps_for
from fmn.queues.connection import Connection
from fmn.queues.dead import dead_letters
from fmn.queues.emitting import in_parts
from fmn.queues.entries import VERSION, Step, pack, unpack_line
from fmn.queues.figures import figures
from fmn.queues.intake import Intake
from fmn.queues.reader import Entry
from fmn.report.gathered import ledger_of
from tests.factories import a_message, a_recipient
from tests.queues.conftest import Join, Member
from tests.queues.faulty import Faulty, When, bury
from tests.queues.road import judge_all, totals

SIZE = 2
"""Recipients of a chunk."""
ORIGIN = Origin("0/1-0")
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class Many:
    """Makes an emission for very many in parts, as a worker does: by kind, then by destination."""

    told: dict[str, int]
    """How many are told, by kind."""
    part: int
    every: int = 1_000_000
    """Every how manieth is suppressed."""
    body: str = "t"
    fails_at: int = 1_000_000
    """The part that cannot be made."""
    made: int = field(default=0, init=False)
    """Parts that were made."""

    def __call__(self, message: Message, origin: Origin = ORIGIN) -> Emission:
        return self._next(message, origin, 0)

    def everybody(self, message: str = "m-1") -> list[tuple[str, Key]]:
        return [(kind, to.key) for kind, to in self._all(a_message(message))]

    def suppressed(self, kind: str) -> int:
        return self.told[kind] // self.every

    def _all(self, message: Message) -> list[tuple[str, Outcome]]:
        places = ((kind, at) for kind in sorted(self.told) for at in range(self.told[kind]))
        return [
            (kind, Outcome(key_of(message.id, DestinationId(f"d {at:05}")), kind, (),
                           State.SUPPRESSED if (at + 1) % self.every == 0 else State.SENT,
                           NOW, reason="paused"))
            for kind, at in places
        ]  # fmt: skip

    def _next(self, message: Message, origin: Origin, at: int) -> Emission:
        self.made += 1
        if self.made == self.fails_at:
            raise ZeroDivisionError("a bug")
        everybody = self._all(message)
        some = everybody[at : at + self.part]
        lines = [one for _, one in some if one.state is State.SUPPRESSED]
        chunks = tuple(self._chunks([one for _, one in some if one not in lines], origin))
        if at + self.part < len(everybody):
            rest = lambda: self._next(message, origin, at + self.part)  # noqa: E731
            return Emission(chunks, tuple(lines), rest)
        return Emission(chunks, (Handled(message, NOW, 1, len(everybody)), *lines))

    def _chunks(self, told: Sequence[Outcome], origin: Origin) -> Iterator[Chunk]:
        for kind, group in groupby(told, key=lambda one: one.kind):
            to = [replace(a_recipient(), keys=(one.key,)) for one in group]
            for at in range(0, len(to), SIZE):
                content = Content(kind, "s", self.body)
                yield Chunk(origin, content, tuple(to[at : at + SIZE]))


def steps_of(many: Many, come: str = "") -> Iterator[Step]:
    return in_parts(0, "1-0", many(a_message()), Counter, come=come)


def in_steps(steps: Sequence[Step]) -> list[tuple[str, Key]]:
    """Return kind and key of everybody who is in these steps, told or suppressed."""
    found: list[tuple[str, Key]] = []
    for write in (write for step in steps for write in step.writes):
        if ":outbox:" in write.key:
            chunk = msgspec.msgpack.decode(write.value, type=Chunk)
            found += ((chunk.content.kind, to.keys[0]) for to in chunk.recipients)
        elif isinstance(line := unpack_line(write.value), Outcome):
            found.append((line.kind, line.key))
    return found


KINDS = st.dictionaries(st.sampled_from(["email", "irc", "push"]), st.integers(1, 40))
SIZES = st.integers(1, 50)


@given(kinds=KINDS, part=SIZES, every=st.integers(1, 9))
def test_each_part_is_a_step_that_goes_on_where_the_one_before_it_ended(
    kinds: dict[str, int], part: int, every: int
) -> None:
    many = Many(kinds, part, every)
    steps = list(steps_of(many))
    assert sorted(in_steps(steps)) == many.everybody()
    assert len(steps) == max(1, -(-sum(kinds.values()) // part))
    assert [step.is_last for step in steps] == [False] * (len(steps) - 1) + [True]
    ends = [" ".join((kind, key.partition(":")[2])) for kind, key in many.everybody()]
    come = ["", *ends[part - 1 :: part]][: len(steps)]
    told = [step.progress for step in steps]
    assert told == (list(zip(come, [*come[1:], ""], strict=True)) if len(steps) > 1 else [None])


@given(kinds=KINDS, part=SIZES, heirs=SIZES, every=st.integers(1, 9), died=st.integers(0, 8))
def test_from_wherever_it_is_taken_over_the_rest_follows_and_nothing_twice(
    kinds: dict[str, int], part: int, heirs: int, every: int, died: int
) -> None:
    many = Many(kinds, part, every)
    steps = list(steps_of(many))
    done = steps[: min(died, len(steps) - 1)]
    come = done[-1].progress[1] if done and done[-1].progress else ""
    rest = list(steps_of(Many(kinds, heirs, every), come))
    assert sorted(in_steps(done) + in_steps(rest)) == many.everybody()
    made = sum((Counter(dict(step.counts)) for step in [*done, *rest]), Counter[str]())
    assert {name: made[f"made {name}"] for name in kinds} == kinds
    suppressed = {name: made[f"suppressed {name} paused"] for name in kinds}
    assert suppressed == {name: many.suppressed(name) for name in kinds}
    assert made["handled"] == 1


def test_a_part_is_made_when_its_step_is_asked_for() -> None:
    many = Many({"email": 10}, part=3)
    made = [many.made for _ in steps_of(many)]
    assert made == [1, 2, 3, 4]


@pytest.mark.parametrize("when", ["before", "after", "answer lost"])
async def test_a_worker_that_dies_between_the_steps_is_followed_by_one_that_goes_on(
    join: Join, when: When
) -> None:
    def many(part: int) -> Many:
        return Many({"email": 430, "irc": 100}, part, every=10)

    stop = asyncio.Event()
    async with join("worker") as victim:
        await Intake(victim.connection, victim.life).put([a_message()])
        faulty: Any = Faulty(victim.connection, "step", when, at=3)
        work = Channels(faulty, victim.life, batch=10)
        working = asyncio.create_task(work.each(many(100), stop))
        while not working.done() and await left(victim):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.02)
        stop.set()
        with suppress(BaseException):
            await working
        await bury(victim)
    async with join("worker") as heir:
        if await left(heir):
            await judge_all(heir, 1, many(70))
        counts = await totals(heir)
        ledger = ledger_of(await figures(heir.connection))
        progress = [await heir.connection.do("EXISTS", keys.progress(k)) for k in (0, 1)]
        emitted = [key async for key in in_lanes(heir, "email", "irc")]
        lines = [line async for line in in_log(heir)]
    suppressed = [(line.kind, line.key) for line in lines if isinstance(line, Outcome)]
    assert sorted(emitted + suppressed) == many(1).everybody()
    assert (counts["made email"], counts["made irc"], counts["handled"]) == (430, 100, 1)
    assert (ledger.notifications.suppressed, ledger.balanced) == ({"paused": 53}, True)
    assert [line.notifications for line in lines if isinstance(line, Handled)] == [530]
    assert progress == [0, 0]


async def test_a_message_of_which_a_part_cannot_be_made_is_a_dead_letter_and_the_others_go_on(
    join: Join,
) -> None:
    many = Many({"email": 10}, part=4, fails_at=3)
    async with join("worker") as worker:
        await Intake(worker.connection, worker.life).put([a_message()])
        await judge_all(worker, 1, many)
        await Intake(worker.connection, worker.life).put([a_message("m-2")])
        await judge_all(worker, 1, many)
        counts = await totals(worker)
        ledger = ledger_of(await figures(worker.connection))
        progress = [await worker.connection.do("EXISTS", keys.progress(k)) for k in (0, 1)]
        emitted = [key async for key in in_lanes(worker, "email")]
        letters = [letter async for _, letter in dead_letters(worker.connection)]
    assert sorted(emitted) == [*many.everybody()[:8], *many.everybody("m-2")]
    assert [letter.why for letter in letters] == ["ZeroDivisionError: a bug"]
    assert (counts["handled"], counts["dead"], counts["made email"]) == (1, 1, 18)
    assert ledger.balanced
    assert progress == [0, 0]


def test_a_message_that_kills_its_workers_is_given_up_together_with_how_far_it_had_come() -> None:
    entry = Entry("1-0", 1, pack(a_message()), tries=4)
    many = Many({"email": 10}, part=4)
    (step,) = steps_for(0, entry, many, worker="w", helped=False, come="email d 00003")
    assert (step.counts, step.progress) == ({"dead": 1}, ("email d 00003", ""))
    assert many.made == 0


@dataclass
class Heard:
    """A connection that hears how many steps there are in each script, and how many are early."""

    inner: Connection
    takes: int = 0
    steps: list[list[bool]] = field(default_factory=list)
    """Of each script, for each of its steps, whether more of the same message follow."""

    async def run(self, script: str, names: Sequence[str], *told: Any) -> Any:
        if script == "step":
            self.steps.append([bool(p and p[1]) for *_, p in msgspec.json.decode(told[2])])
        answer = await self.inner.run(script, names, *told)
        self.takes += script == "read" and answer is not None
        return answer

    async def block(self, *command: Any) -> Any:
        answer = await self.inner.block(*command)
        self.takes += answer is not None
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_what_fits_one_step_leaves_together_with_the_others_that_were_taken_with_it(
    join: Join,
) -> None:
    many, few, stop = Many({"email": 10}, part=4), Many({"email": 4}, part=5), asyncio.Event()
    async with join("worker") as worker:
        for i in range(40):
            entry = ("v", VERSION, "n", 1, "d", pack(a_message(f"m-{i}")))
            await worker.connection.do("XADD", keys.channel(0), "*", *entry)
        heard: Any = Heard(worker.connection)
        work = Channels(heard, worker.life, batch=100)
        working = asyncio.create_task(
            work.each(lambda m, o: (many if m.id in {"m-7", "m-30"} else few)(m, o), stop)
        )
        while await left(worker):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.02)
        stop.set()
        await working
        counts = await totals(worker)
    assert counts["made email"] == 38 * 4 + 2 * 10
    assert sum(map(len, heard.steps)) == 38 + 2 * 3
    assert len(heard.steps) == heard.takes + 4
    assert not any(early for steps in heard.steps for early in steps[:-1])


async def left(member: Member) -> int:
    return sum([await member.connection.do("XLEN", keys.channel(k)) for k in (0, 1)])


async def in_lanes(member: Member, *kinds: str) -> AsyncIterator[tuple[str, Key]]:
    for kind in kinds:
        async for value in values(member, *(keys.outbox(k, kind) for k in (0, 1))):
            for to in msgspec.msgpack.decode(value, type=Chunk).recipients:
                yield kind, to.keys[0]


async def in_log(member: Member) -> AsyncIterator[LogLine]:
    async for value in values(member, keys.log(0), keys.log(1)):
        yield unpack_line(value)


async def values(member: Member, *streams: str) -> AsyncIterator[bytes]:
    for stream in streams:
        for _, flat in await member.connection.do("XRANGE", stream, "-", "+"):
            yield dict(zip(flat[::2], flat[1::2], strict=True))[b"d"]
