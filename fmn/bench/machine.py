"""How fast this machine is: a fixed loop of pure Python, for machines differ."""

import time

from fmn.bench.figure import Figure, plain
from fmn.bench.rates import alternating

TURNS = 200_000


async def this_machine(rounds: int) -> Figure:
    """Return how fast this machine is."""
    [machine] = await alternating(rounds, _turns)
    return plain("this machine", machine, "turns/µs")


async def _turns() -> float:
    """Return how many turns of the loop go into a microsecond."""
    began, total = time.perf_counter(), 0
    for number in range(TURNS):
        total += number * number % 7
    return TURNS / (time.perf_counter() - began) / 1e6
