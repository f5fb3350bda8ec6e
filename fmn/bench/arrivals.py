"""Messages that arrive by chance and cost by chance, and how long theory says they wait."""

import math
import random
from dataclasses import dataclass
from itertools import accumulate

MEAN = 0.016
"""Seconds a message costs in the mean. Its way costs a small machine a millisecond more, which must
be little beside that: else the load would be another than it says."""
DEAR, TIMES = 0.05, 20
"""So many of them cost so much more than the rest."""
CHEAP = MEAN / (1 - DEAR + DEAR * TIMES)
SCV = (1 - DEAR + DEAR * TIMES**2) * (CHEAP / MEAN) ** 2 - 1
"""Variance of the cost over the square of its mean: what makes the others wait."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message: when it comes, in seconds from the first, and what it costs."""

    at: float
    cost: float


def arrivals(seed: int, count: int, *, workers: int, load: float) -> list[Arrival]:
    """Return so many, Poisson, at a rate that keeps so many workers at this load."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, and not secret
    rate = workers * load / MEAN
    at = accumulate(chance.expovariate(rate) for _ in range(count))
    return [Arrival(moment, CHEAP * (TIMES if chance.random() < DEAR else 1)) for moment in at]


def wait_alone(load: float) -> float:
    """Return the mean wait, in seconds, where each worker has its own queue: M/G/1, exact."""
    return MEAN * load * (1 + SCV) / (2 * (1 - load))


def wait_for_nobody(count: int, workers: int, load: float) -> float:
    """Return the mean wait, in seconds, without help and with one more worker, who is stopped.

    Its messages wait until so many at this load of the others have come, half of that in the mean.
    """
    lasted, part = count * MEAN / (workers * load), 1 / (workers + 1)
    return (1 - part) * wait_alone(load * (1 - part)) + part * lasted / 2


def wait_together(workers: int, load: float) -> float:
    """Return the mean wait, in seconds, where all have one queue: M/G/c, by its usual estimate."""
    return MEAN * _erlang_c(workers, load) / (workers * (1 - load)) * (1 + SCV) / 2


def _erlang_c(workers: int, load: float) -> float:
    """Return how probable it is that all are busy."""
    offered = workers * load
    busy = offered**workers / math.factorial(workers) / (1 - load)
    free = sum(offered**n / math.factorial(n) for n in range(workers))
    return busy / (free + busy)
