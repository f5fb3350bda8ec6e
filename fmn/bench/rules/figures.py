"""What processes saw, as figures, and what shall be reached."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fmn.bench.figure import Figure, at_least, at_most, no_more, plain
from fmn.bench.rates import Rate, once
from fmn.bench.rules.crowds import LARGEST, SMALL
from fmn.bench.rules.seen import Built, Changes, Crowd, Round, Seen

TENFOLD = 10
FLAT = 1.3
"""Times as long, with ten times as many rules."""
EDIT = 1_000
"""Microseconds, each."""
RECIPIENTS = 1_000
"""Microseconds to match all users of the largest crowd."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What shall be reached with so many rules."""

    times: float | None = None
    """As fast as the loop."""
    p99: float | None = None
    """Microseconds."""
    memory: float | None = None
    """Bytes of a rule."""
    build: float | None = None
    """Seconds."""


NONE = Aim()
AIMS = {
    10_000: Aim(times=90),
    100_000: Aim(times=700),
    1_000_000: Aim(times=3_500, p99=1_000, memory=150),
    5_000_000: Aim(times=40_000, memory=100, build=60),
}


def figures_of(seen: Sequence[Seen]) -> Iterator[Figure]:
    """Yield the figures of each number of rules, then those of the crowds."""
    for one in seen:
        aim = AIMS.get(one.rules, NONE)
        figures = *_speed(one, aim), *_built(one.built, aim), *_effort(one), *_changes(one.changes)
        yield from (replace(each, what=f"{one.rules:,}: {each.what}") for each in figures)
    for one in seen:
        yield from map(_crowd, one.crowds[1:])
    for fewer, more in pairwise(seen):
        if more.rules == TENFOLD * fewer.rules:
            yield _growth(fewer, more)


def _speed(one: Seen, aim: Aim) -> Iterator[Figure]:
    loop = _rate(one.rounds, lambda each: each.loop)
    compared = _rate(one.rounds, lambda each: each.compared)
    yield plain("messages", _rate(one.rounds, lambda each: each.rate), "/s", loop.median)
    yield plain("match p50", _rate(one.rounds, lambda each: each.p50), "µs")
    yield _shall("match p99", _rate(one.rounds, lambda each: each.p99), "µs", aim.p99)
    what = "÷ the loop"
    yield (
        at_least(what, compared, loop, aim.times)
        if aim.times
        else plain(what, compared.over(loop), "")
    )
    yield no_more("differences from the loop", once(one.differences), "", 0)
    yield plain("rules in the loop", once(one.compared), "")


def _built(built: Built, aim: Aim) -> Iterator[Figure]:
    total = built.reading + built.putting + built.sealing
    yield _shall("build", once(total), "s", aim.build)
    yield plain("build, reading rows", once(built.reading), "s")
    yield plain("build, sealing", once(built.sealing), "s")
    yield _shall("bytes of a rule", once(built.memory), "B", aim.memory)
    yield plain("bytes of a rule, cards", once(built.cards), "B")


def _effort(one: Seen) -> Iterator[Figure]:
    effort = one.effort
    yield plain("mean matches", once(effort.matches), "")
    yield plain("mean keys", once(effort.keys), "")
    yield plain("mean candidates", once(effort.candidates), "")
    yield plain("mean asked", once(effort.asked), "")


def _changes(changes: Changes) -> Iterator[Figure]:
    yield plain("rows of an edit read", once(changes.reading), "µs")
    yield no_more("edit of 5 rules", once(changes.edit), "µs", EDIT)
    yield plain("edit, the longest", once(changes.longest_edit), "µs")
    yield plain("match, nothing pending", once(changes.before), "µs")
    yield plain(f"match, {changes.edits} edits pending", once(changes.pending), "µs")
    yield plain("seal", once(changes.sealing), "s")
    yield plain("match p99 meanwhile", once(changes.p99), "µs")
    yield plain("match meanwhile, the longest", once(changes.longest), "µs")


def _crowd(crowd: Crowd) -> Figure:
    aim = RECIPIENTS if crowd.name == LARGEST else None
    return _shall(crowd.name, Rate(crowd.times), "µs", aim)


def _growth(fewer: Seen, more: Seen) -> Figure:
    few, many = Rate(fewer.crowds[0].times), Rate(more.crowds[0].times)
    what = f"{SMALL:,} recipients, {more.rules:,} ÷ {fewer.rules:,} rules"
    return at_most(what, many, few, FLAT)


def _rate(rounds: Iterable[Round], of: Callable[[Round], float]) -> Rate:
    return Rate(tuple(map(of, rounds)))


def _shall(what: str, rate: Rate, unit: str, most: float | None) -> Figure:
    return plain(what, rate, unit) if most is None else no_more(what, rate, unit, most)
