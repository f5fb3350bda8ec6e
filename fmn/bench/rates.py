"""Rates: the same work done several times, and what it comes to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

Once = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something was done in a second, in each of several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The round in the middle."""
        return median(self.rounds)

    @property
    def noise(self) -> float:
        """Half of the span of all rounds, as a share of the median."""
        span = max(self.rounds) - min(self.rounds)
        return span / 2 / self.median if span else 0

    def over(self, other: "Rate") -> "Rate":
        """Return this as a part of the other, round by round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return Rate(tuple(ours / theirs for ours, theirs in pairs))


def once(value: float) -> Rate:
    """Return what was measured once."""
    return Rate((value,))


async def per_second(once: Once, *, times: int, at_once: int) -> float:
    """Do something so many times, so many at once; return how often in a second."""
    left = iter(range(times))

    async def work() -> None:
        for _ in left:
            await once()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return times / (time.perf_counter() - began)


async def alternating(rounds: int, *measures: Callable[[], Awaitable[float]]) -> list[Rate]:
    """Measure each in turn, and all of that so many times: what slows one slows the others."""
    seen: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, rates in zip(measures, seen, strict=True):
            rates.append(await measure())
    return [Rate(tuple(rates)) for rates in seen]
