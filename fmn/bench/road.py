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

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from fmn.bench.arrivals import arrivals, wait_alone, wait_together
from fmn.bench.figure import Figure, Said, at_least, at_most, plain
from fmn.bench.helping import Way, mean_wait, with_help, without_help
from fmn.bench.passage import messages_per_second
from fmn.bench.rates import Rate, alternating
from fmn.queues.embedded import embedded

WORKERS = 4
LOAD = 0.7
KEPT = 0.25
"""Of the rate with everysec, with always."""
SHORTER = 0.25
"""A wait with help, as a part of one without."""
TURNS = 200_000
MS = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    passing: int = 2_000
    """Messages through the whole road, each time."""
    waiting: int = 7_000
    """Messages whose waits are measured, each time."""
    seed: int = 1


async def measured(plan: Plan, said: Said) -> list[Figure]:
    """Return all figures."""
    with TemporaryDirectory(prefix="fmn-") as folder:
        said("calibration")
        [machine] = await alternating(plan.rounds, _calibration)
        figures = [plain("this machine", machine, "turns/µs")]
        for measure in (_passage, _wait, _stopped):
            figures += await measure(plan, Path(folder), said)
    return figures


async def _calibration() -> float:
    """Return how many turns of a loop of pure Python go into a microsecond."""
    began, total = time.perf_counter(), 0
    for number in range(TURNS):
        total += number * number % 7
    return TURNS / (time.perf_counter() - began) / 1e6


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
    return await _waits(plan, folder, said, "wait", workers=WORKERS, stopped=0)


async def _stopped(plan: Plan, folder: Path, said: Said) -> list[Figure]:
    return await _waits(plan, folder, said, "stopped", workers=WORKERS - 1, stopped=1)


async def _waits(  # noqa: PLR0913  # two of them are the figures of a case
    plan: Plan, folder: Path, said: Said, what: str, *, workers: int, stopped: int
) -> list[Figure]:
    """Return the figures where so many work and so many beside them are stopped."""
    (own := folder / what).mkdir()
    # With an fsync a second an intake answers once a second, and all would come in bursts.
    async with embedded(own, appendfsync="no") as url:
        helped = with_help(url, workers + stopped)
        alone = without_help(url, workers)

        def wait(name: str, way: Way, stopped: int) -> Callable[[], Awaitable[float]]:
            seeds = count(plan.seed)

            async def measure() -> float:
                said(f"{what}, {name}")
                coming = arrivals(next(seeds), plan.waiting, workers=workers, load=LOAD)
                return MS * await mean_wait(way, coming, stopped=stopped)

            return measure

        with_, without = await alternating(
            plan.rounds, wait("with help", helped, stopped), wait("without", alone, 0)
        )
    return _compared(what, with_, without, workers)


def _compared(what: str, with_: Rate, without: Rate, workers: int) -> list[Figure]:
    together, each = wait_together(workers, LOAD), wait_alone(LOAD)
    return [
        plain(f"{what} with help", with_, "ms", MS * together),
        plain(f"{what} without", without, "ms", MS * each),
        at_most(f"{what}: with ÷ without", with_, without, SHORTER, together / each),
    ]
