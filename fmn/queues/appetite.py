"""Appetite: how many entries a process takes at a time, learned from what they cost.

What one process holds another cannot help with: a take is random assignment in small. So it is
one or two of what costs milliseconds, and many of what costs microseconds, where the way to the
server would cost more than the work.
"""

from dataclasses import dataclass, replace

BUSY = 0.005
"""Seconds a take shall keep its process busy, or as long as leaving it takes, if that is longer:
where the server writes to disk each time, one entry at a time would be nothing but waiting."""
WEIGHT = 0.05
"""Of the newest entry in the mean cost: about the last 20 count."""
GROWTH = 2
"""A take is at most so many times the one before: one look at what is cheap proves little."""


@dataclass(frozen=True, slots=True)
class Appetite:
    """The size of the next take."""

    most: int
    size: int = 1
    cost: float | None = None
    """Mean seconds of an entry; None before there was any."""
    leaving: float = 0.0
    """Mean seconds it takes to leave a take."""

    def after(self, entries: int, seconds: float, leaving: float = 0.0) -> "Appetite":
        """Return the appetite of who has worked on so many entries for so long, and left them."""
        weight = 1 - (1 - WEIGHT) ** entries
        new = seconds / entries
        cost = new if self.cost is None else self.cost + weight * (new - self.cost)
        leaving = self.leaving + WEIGHT * (leaving - self.leaving)
        busy = max(BUSY, leaving)
        enough = int(busy / cost) if cost * self.most > busy else self.most
        size = max(1, min(enough, GROWTH * self.size, self.most))
        return replace(self, size=size, cost=cost, leaving=leaving)
