"""A message for very many: in parts, as large as a step, from the match to the lanes."""

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.emission import Chunk, Emission, Handled, Outcome
from fmn.model import Destination, DestinationState, Key, Origin, RuleId
from fmn.processes.worker import judge
from fmn.queues import keys
from fmn.queues.channels import Channels, Judge
from fmn.queues.embedded import server
from fmn.queues.emitting import in_parts
from fmn.queues.entries import Step, unpack_line
from fmn.queues.figures import figures
from fmn.queues.intake import Intake
from fmn.render.content import Templates
from fmn.report.gathered import ledger_of
from fmn.report.ledger import Ledger
from fmn.rules.plan import plan_of
from fmn.rules.roster import card_of
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from tests.factories import a_destination, a_message
from tests.peers.redis import redis_server
from tests.queues.conftest import Member, member
from tests.queues.faulty import Faulty, bury
from tests.queues.road import judge_all

NOBODY = Fixed(Snapshot())
ORIGIN = Origin("0/1-0")
TEMPLATES = Templates()
MOST = 8 * 2**20
"""Bytes by which ten times as many recipients may need more: they are numbers, and who they are."""


@dataclass(frozen=True)
class Current:
    current: RuleSet


def one_each(*destinations: Destination) -> RuleSet:
    """Return rules of as many users, each with one rule that matches every message."""
    rules = RuleSet()
    for place in destinations:
        put(rules, place)
    rules.seal()()
    return rules


def put(rules: RuleSet, place: Destination) -> None:
    rule = Rule(RuleId("r"), place.user, "All", (), (place,), everything=True)
    rules.put(card_of(place.user, (), (rule,)), [plan_of(())])


def destination(number: int, **changes: Any) -> Destination:
    """Return a destination of a user of its own: not by kind, every tenth is paused."""
    name = f"{number * 7919 % 1_000_003:07}"
    kind, paused = ("irc" if number % 3 else "email"), number % 10 == 0
    state = DestinationState.PAUSED if paused else DestinationState.ACTIVE
    return a_destination(name, **{"user": name, "kind": kind, "state": state} | changes)


def judged_by(rules: RuleSet, part: int) -> Judge:
    return partial(judge, Current(rules), NOBODY, TEMPLATES, part=part)


def places(of: Iterable[Destination]) -> list[tuple[str, str]]:
    return sorted((each.kind, f"m-1:{each.id}") for each in of)


def parts(emission: Emission) -> Iterator[Emission]:
    yield emission
    while emission.rest:
        emission = emission.rest()
        yield emission


def told(emission: Emission) -> list[tuple[str, Key]]:
    """Return kind and key of everybody in a part, suppressed or not."""
    sent = ((c.content.kind, to.keys[0]) for c in emission.chunks for to in c.recipients)
    return sorted([*sent, *((o.kind, o.key) for o in emission.log if isinstance(o, Outcome))])


@given(st.integers(0, 40), st.integers(1, 15))
def test_parts_are_in_order_and_only_the_last_says_how_many_there_were(
    all_: int, part: int
) -> None:
    everybody = [destination(number) for number in range(all_)]
    made = list(parts(judged_by(one_each(*everybody), part)(a_message(), ORIGIN)))
    assert [place for each in made for place in told(each)] == places(everybody)
    assert [len(told(each)) for each in made[:-1]] == [part] * (len(made) - 1)
    (handled,) = [line for each in made for line in each.log if isinstance(line, Handled)]
    assert (handled.notifications, handled in made[-1].log) == (all_, True)


def test_content_is_rendered_once_for_each_kind_however_many_parts_there_are() -> None:
    rules = one_each(*(destination(number) for number in range(1, 100)))
    made = list(parts(judged_by(rules, 10)(a_message(), ORIGIN)))
    contents = {id(chunk.content) for each in made for chunk in each.chunks}
    assert (len(made), len(contents)) == (10, 2)


def test_who_is_told_and_how_is_settled_with_the_first_part_whatever_is_changed_then() -> None:
    everybody = [destination(number) for number in range(1, 10)]
    rules = one_each(*everybody)
    emission = judged_by(rules, 4)(a_message(), ORIGIN)
    for each in everybody:
        rules.put(card_of(each.user, (), ()), [])
    put(rules, destination(10))
    rules.seal()()
    assert [place for each in parts(emission) for place in told(each)] == places(everybody)
    later = judged_by(rules, 4)(a_message(), ORIGIN)
    assert [place for each in parts(later) for place in told(each)] == places([destination(10)])


@given(
    stay=st.sets(st.integers(0, 30)),
    go=st.sets(st.integers(31, 60)),
    come=st.sets(st.integers(61, 90)),
    sizes=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    died=st.integers(0, 6),
)
def test_whoever_takes_over_by_newer_rules_goes_on_behind_and_everybody_is_counted_once(
    stay: set[int], go: set[int], come: set[int], sizes: tuple[int, int], died: int
) -> None:
    """Who `go` had rules only when the message was judged first, who `come` has them since."""
    first = steps_of(one_each(*map(destination, stay | go)), sizes[0])
    done = first[: min(died, len(first) - 1)]
    reached = done[-1].progress[1] if done and done[-1].progress else ""
    rest = steps_of(one_each(*map(destination, stay | come)), sizes[1], reached)
    found = Counter(place for step in [*done, *rest] for place in in_step(step))
    always = places(map(destination, stay))
    assert set(found.values()) <= {1}
    assert {*always} <= {*found} <= {*places(map(destination, stay | go | come))}
    counts = sum((Counter(dict(step.counts)) for step in [*done, *rest]), Counter[str]())
    suppressed = [place for place in found if is_paused(place[1])]
    assert sum(counts[name] for name in counts if name.startswith("made ")) == len(found)
    assert sum(counts[n] for n in counts if n.startswith("suppressed ")) == len(suppressed)
    assert counts["handled"] == 1


def is_paused(key: str) -> bool:
    return key in {key for _, key in places(map(destination, range(0, 91, 10)))}


def steps_of(rules: RuleSet, part: int, come: str = "") -> list[Step]:
    emission = judged_by(rules, part)(a_message(), ORIGIN)
    return list(in_parts(0, "1-0", emission, Counter, come=come))


def in_step(step: Step) -> list[tuple[str, Key]]:
    chunks = [each.value for each in step.writes if ":outbox:" in each.key]
    lines = [each.value for each in step.writes if ":log" in each.key]
    return told(Emission(tuple(map(chunk, chunks)), tuple(map(unpack_line, lines))))


def chunk(value: bytes) -> Chunk:
    return msgspec.msgpack.decode(value, type=Chunk)


@pytest.mark.parametrize("at", [1, 3, 6])
async def test_a_worker_killed_between_two_parts_is_followed_and_nobody_is_told_twice(
    redis_url: str, at: int
) -> None:
    everybody = [destination(number) for number in range(500)]
    rules, stop = one_each(*everybody), asyncio.Event()
    async with member(redis_url, "worker") as victim:
        await Intake(victim.connection, victim.life).put([a_message()])
        faulty: Any = Faulty(victim.connection, "step", "after", at=at)
        working = asyncio.create_task(
            Channels(faulty, victim.life, batch=10).each(judged_by(rules, 100), stop)
        )
        while not working.done():  # it dies
            await asyncio.sleep(0.02)
            if not await left(victim):
                stop.set()
        with suppress(BaseException):
            await working
        await bury(victim)
    async with member(redis_url, "worker") as heir:
        if await left(heir):
            await judge_all(heir, 1, judged_by(rules, 70))
        found = await written(heir)
        ledger = ledger_of(await figures(heir.connection))
    assert told(found) == places(everybody)
    assert [line.notifications for line in found.log if isinstance(line, Handled)] == [500]
    assert adds_up(ledger, 500)


def adds_up(ledger: Ledger, all_: int) -> bool:
    made, paused = ledger.notifications, all_ // 10
    assert (made.made, made.suppressed, made.waiting) == (all_, {"paused": paused}, all_ - paused)
    assert (ledger.messages.taken, ledger.messages.handled) == (1, 1)
    return ledger.balanced


async def written(joined: Member) -> Emission:
    """Return all that stands in the lanes and in the log."""
    chunks = [chunk(value) async for value in values(joined, "outbox:email", "outbox:irc")]
    lines = [unpack_line(value) async for value in values(joined, "log")]
    return Emission(tuple(chunks), tuple(lines))


async def left(joined: Member) -> int:
    return sum([await joined.connection.do("XLEN", keys.channel(k)) for k in (0, 1)])


async def values(joined: Member, *streams: str) -> AsyncIterator[bytes]:
    for stream in (f"fmn:{{{k}}}:{name}" for k in (0, 1) for name in streams):
        after = "-"
        while page := await joined.connection.do("XRANGE", stream, after, "+", "COUNT", 1000):
            for entry, flat in page:
                yield dict(zip(flat[::2], flat[1::2], strict=True))[b"d"]
                after = f"({entry.decode()}"


@pytest.mark.real
async def test_memory_is_that_of_a_step_however_many_are_told(tmp_path: Path) -> None:
    """Ten times as many: their names in numbers, and nothing else of them, stay in memory."""
    few = await peak(tmp_path / "few", 10_000)
    many = await peak(tmp_path / "many", 100_000)
    assert many - few < MOST


async def peak(folder: Path, all_: int) -> int:
    """Return the most memory that a worker takes to tell so many; all of them are told, once."""
    everybody = places(map(destination, range(all_)))
    rules, stop = one_each(*map(destination, range(all_))), asyncio.Event()
    with redis_server(str(server()), folder) as url:
        async with member(url, "worker") as worker, asyncio.timeout(240):
            await Intake(worker.connection, worker.life).put([a_message()])
            judging = partial(judge, Current(rules), NOBODY, TEMPLATES)
            gc.collect()
            tracemalloc.start()
            work = Channels(worker.connection, worker.life, batch=10).each(judging, stop)
            working = asyncio.create_task(work)
            while await left(worker):  # noqa: ASYNC110  # it is on the server
                await asyncio.sleep(0.02)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            stop.set()
            await working
            found = told(await written(worker))
            assert adds_up(ledger_of(await figures(worker.connection)), all_)
    assert found == everybody
    return most
