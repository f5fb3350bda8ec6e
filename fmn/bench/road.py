"""`fmn bench road`: how fast the queues are when nothing may be lost, and what help is worth.

A Valkey server of its own, with its append-only file. All is measured in turn, several times;
machines differ, so read the ratios: the first line says how fast this one is.

passage  messages a second through the whole road (`passage.py` says what is real of it), with
         appendfsync everysec and always
wait     from arrival to the beginning of the work, in the mean: four workers in processes of their
         own, busy for 70 % of the time; a message costs 4 ms in the mean, slept, and one in twenty
         costs 20 times as much as the others; Poisson arrivals, the same for both ways in a round.
         Against a worker for each channel that takes one at a time and helps nobody, a channel
         picked at random (`helping.py`). No fsync, for both: what it costs is said above
stopped  the same with one of the four stopped by SIGSTOP before the first message, and the others
         busy for 70 %; against three workers without help, to none of which anything is lost
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from fmn.bench.arrivals import arrivals, wait_alone, wait_for_nobody, wait_together
from fmn.bench.figure import Figure, Said, at_least, at_most, plain
from fmn.bench.helping import Way, mean_wait, with_help, without_help
from fmn.bench.machine import this_machine
from fmn.bench.passage import messages_per_second
from fmn.bench.rates import Rate, alternating
from fmn.queues.embedded import embedded

WORKERS = 4
LOAD = 0.7
KEPT = 0.25
"""Of the rate with everysec, with always."""
SHORTER = 0.25
"""A wait with help, as a part of one without."""
MS = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    passing: int = 2_000
    """Messages through the whole road, each time."""
    waiting: int = 3_000
    """Messages whose waits are measured, each time."""
    seed: int = 1


async def measured(plan: Plan, said: Said) -> list[Figure]:
    """Return all figures."""
    with TemporaryDirectory(prefix="fmn-") as folder:
        said("calibration")
        figures = [await this_machine(plan.rounds)]
        for measure in (_passage, _wait, _stopped):
            figures += await measure(plan, Path(folder), said)
    return figures


async def _passage(plan: Plan, folder: Path, said: Said) -> list[Figure]:
    runs, file = count(), folder / "messages.jsonl"
    async with AsyncExitStack() as servers:
        urls = dict[str, str]()
        for appendfsync in ("always", "everysec"):
            (own := folder / appendfsync).mkdir()
            server = embedded(own, appendfsync=appendfsync)
            urls[appendfsync] = await servers.enter_async_context(server)

        def rate(appendfsync: str) -> Callable[[], Awaitable[float]]:
            async def measure() -> float:
                said(f"passage, {appendfsync}")
                run = str(next(runs))
                return await messages_per_second(urls[appendfsync], file, plan.passing, run)

            return measure

        always, everysec = await alternating(plan.rounds, rate("always"), rate("everysec"))
    return [
        plain("passage, everysec", everysec, "/s"),
        plain("passage, always", always, "/s"),
        at_least("always ÷ everysec", always, everysec, KEPT),
    ]


async def _wait(plan: Plan, folder: Path, said: Said) -> list[Figure]:
    case = Case("wait", WORKERS, 0, wait_alone(LOAD))
    return await _waits(plan, folder, said, case)


async def _stopped(plan: Plan, folder: Path, said: Said) -> list[Figure]:
    living = WORKERS - 1
    case = Case("stopped", living, 1, wait_for_nobody(plan.waiting, living, LOAD))
    return await _waits(plan, folder, said, case)


@dataclass(frozen=True, slots=True)
class Case:
    """Workers at work, and some beside them that are stopped."""

    name: str
    working: int
    stopped: int
    alone: float
    """Seconds theory says a message waits where nobody helps."""


async def _waits(plan: Plan, folder: Path, said: Said, case: Case) -> list[Figure]:
    """Return the figures of a case, with help and without."""
    (own := folder / case.name).mkdir()
    # With an fsync a second an intake answers once a second, and all would come in bursts.
    async with embedded(own, appendfsync="no") as url:
        workers = case.working + case.stopped

        def wait(name: str, way: Way) -> Callable[[], Awaitable[float]]:
            seeds = count(plan.seed)

            async def measure() -> float:
                said(f"{case.name}, {name}")
                coming = arrivals(next(seeds), plan.waiting, workers=case.working, load=LOAD)
                return MS * await mean_wait(way, coming, stopped=case.stopped)

            return measure

        with_, without = await alternating(
            plan.rounds,
            wait("with help", with_help(url, workers)),
            wait("without", without_help(url, workers)),
        )
    return _compared(case, with_, without)


def _compared(case: Case, with_: Rate, without: Rate) -> list[Figure]:
    together = wait_together(case.working, LOAD)
    return [
        plain(f"{case.name} with help", with_, "ms", MS * together),
        plain(f"{case.name} without", without, "ms", MS * case.alone),
        at_most(f"{case.name}: with ÷ without", with_, without, SHORTER, together / case.alone),
    ]
