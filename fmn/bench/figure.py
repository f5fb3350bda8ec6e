"""One thing measured, what stands beside it, and whether it is what it shall be."""

from collections.abc import Callable
from dataclasses import dataclass, replace

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


def no_more(what: str, rate: Rate, unit: str, most: float, limit: float | None = None) -> Figure:
    """Return a figure that shall not be larger than this."""
    shown = plain(what, rate, unit, limit)
    return replace(shown, target=f"≤ {_written(most)}", reached=rate.median <= most)


def no_less(what: str, rate: Rate, unit: str, least: float, limit: float | None = None) -> Figure:
    """Return a figure that shall not be smaller than this."""
    shown = plain(what, rate, unit, limit)
    return replace(shown, target=f"≥ {_written(least)}", reached=rate.median >= least)


def at_least(what: str, ours: Rate, theirs: Rate, aim: float) -> Figure:
    """Return by how much ours is more, round by round."""
    return no_less(what, ours.over(theirs), "", aim)


def at_most(what: str, ours: Rate, theirs: Rate, aim: float, limit: float | None = None) -> Figure:
    """Return what part of theirs ours is, round by round."""
    return no_more(what, ours.over(theirs), "", aim, limit)


def _written(aim: float) -> str:
    return f"{aim:,.0f}" if aim == int(aim) else f"{aim:g}"
