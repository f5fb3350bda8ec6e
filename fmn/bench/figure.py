"""One thing measured, what stands beside it, and whether it is what it shall be."""

from collections.abc import Callable
from dataclasses import dataclass

from fmn.bench.rates import Rate

Said = Callable[[str], None]
"""Hears what is measured just now."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, and what it is measured against."""

    what: str
    value: float
    unit: str
    noise: float
    """Half the span of the rounds, as a share of the value; 0 where there was one round."""
    target: str
    reached: bool
    limit: float | None = None
    """What stands beside it, in the same unit: what a peer takes from a client that does nothing,
    or what theory expects."""


def plain(what: str, rate: Rate, unit: str, limit: float | None = None) -> Figure:
    """Return a figure that has no aim."""
    return Figure(what, rate.median, unit, rate.noise, "", reached=True, limit=limit)


def at_least(what: str, ours: Rate, theirs: Rate, aim: float) -> Figure:
    """Return by how much ours is more, round by round."""
    ratio = ours.over(theirs)
    return Figure(what, ratio.median, "", ratio.noise, f"≥ {aim:g}", ratio.median >= aim)


def at_most(what: str, ours: Rate, theirs: Rate, aim: float, limit: float | None = None) -> Figure:
    """Return what part of theirs ours is, round by round."""
    ratio = ours.over(theirs)
    return Figure(what, ratio.median, "", ratio.noise, f"≤ {aim:g}", ratio.median <= aim, limit)
