"""How messages spread over channels, and whether a fair pick would have spread them so.

Every message picks its channel at random, so the counts are a draw of N messages over W
channels. Chi-square says how far it is from even, p how often a fair draw is at least that far:
Pearson's test, exact where an expected count is 5 or more. Counts are whole numbers, and all
sums are made in whole numbers, so that huge counts lose nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from fmn.errors import InputError

Z = 1.96
"""Standard deviations either side of the middle that hold 95 % of a normal draw."""
LEAST_EXPECTED = 5
"""Below this expected count chi-square does not follow its distribution."""
CHANNELS = 2
"""A distribution over fewer is none."""
LARGEST = 2**63 - 1
"""A counter of Redis ends here."""


@dataclass(frozen=True, slots=True)
class ChannelLoad:
    """What one channel took."""

    channel: int
    messages: int


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What one worker did. Waits are from a message's arrival to the start of work on it."""

    worker: str
    messages: int
    busy_seconds: float
    wait_p50: float | None
    """Seconds; None where nothing waited."""
    wait_p99: float | None
    helped: int
    """Messages it took from channels of others."""


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """What went through one lane: notifications."""

    lane: str
    waiting: int
    retrying: int
    held: int
    """In SQL, until the lane has room."""
    sent: int
    suppressed: int
    failed: int
    dead: int


@dataclass(frozen=True)
class Load:
    """The load distribution. A figure that means nothing, as of no messages at all, is None."""

    channels: tuple[ChannelLoad, ...]
    workers: tuple[WorkerLoad, ...] = ()
    lanes: tuple[LaneLoad, ...] = ()

    @classmethod
    def of_counts(cls, counts: Sequence[int]) -> "Load":
        """Return the load of channels 0, 1, 2 … that took these counts. Raises InputError."""
        if len(counts) < CHANNELS:
            raise InputError("a distribution needs two counts or more")
        for wrong in (count for count in counts if not 0 <= count <= LARGEST):
            raise InputError(wrong, f"a count is a whole number from 0 to {LARGEST}")
        return cls(tuple(ChannelLoad(*pair) for pair in enumerate(counts)))

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Messages of each channel."""
        return tuple(one.messages for one in self.channels)

    @cached_property
    def messages(self) -> int:
        """Messages of all channels together."""
        return sum(self.counts)

    def share_percent(self, channel: ChannelLoad) -> float:
        """Return the channel's part of all messages; of nothing it is 0."""
        return 100 * channel.messages / self.messages if self.messages else 0.0

    @property
    def band_percent(self) -> tuple[float, float]:
        """Between what shares 95 of 100 fair picks leave any one channel."""
        if not self.messages:
            return 0.0, 100.0
        even = 1 / len(self.channels)
        reach = Z * math.sqrt(even * (1 - even) / self.messages)
        return max(0.0, 100 * (even - reach)), min(100.0, 100 * (even + reach))

    @property
    def max_over_mean(self) -> float | None:
        """The busiest channel over the mean: 1 is even."""
        if not self.messages:
            return None
        return max(self.counts) * len(self.channels) / self.messages

    @property
    def cv(self) -> float | None:
        """Coefficient of variation: the population's standard deviation over the mean."""
        return math.sqrt(self._unevenness / self.messages**2) if self.messages else None

    @property
    def chi_square(self) -> float | None:
        """Squared distance from even, in units of the expected count."""
        return self._unevenness / self.messages if self.messages else None

    @property
    def degrees(self) -> int:
        """Degrees of freedom of chi-square."""
        return max(0, len(self.channels) - 1)

    @property
    def p(self) -> float | None:
        """How often a fair draw is at least this uneven; None where `p_reason` says why."""
        if self.p_reason or self.chi_square is None:
            return None
        return chi_square_tail(self.chi_square, self.degrees)

    @property
    def p_reason(self) -> str | None:
        """Why there is no p."""
        if len(self.channels) < CHANNELS:
            return f"fewer than {CHANNELS} channels"
        if not self.messages:
            return "nothing counted"
        if self.messages < LEAST_EXPECTED * len(self.channels):
            return f"fewer than {LEAST_EXPECTED} messages expected in a channel"
        return None

    @property
    def _unevenness(self) -> int:
        return len(self.channels) * sum(x * x for x in self.counts) - self.messages**2

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines, in the form of `fmn report --json`."""
        reason = {"p_reason": self.p_reason} if self.p is None else {}
        return {
            "channels": [self._channel(one) for one in self.channels],
            "workers": [asdict(one) for one in self.workers],
            "lanes": [asdict(one) for one in self.lanes],
            "max_over_mean": self.max_over_mean,
            "cv": self.cv,
            "chi_square": self.chi_square,
            "degrees": self.degrees,
            "p": self.p,
        } | reason

    def _channel(self, one: ChannelLoad) -> dict[str, Any]:
        share, band = self.share_percent(one), list(self.band_percent)
        return asdict(one) | {"share_percent": share, "band_percent": band}


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return how often chi-square of at least one degree is this large or larger.

    The closed sums for even and odd degrees; each term is made from logarithms, because e^-h
    and the powers of h by themselves leave the range of a float.
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    even = degrees % 2 == 0
    exponents = [i + (0.0 if even else 0.5) for i in range(degrees // 2)]
    terms = [math.exp(e * math.log(half) - half - math.lgamma(e + 1)) for e in exponents]
    return min(1.0, math.fsum(terms if even else [math.erfc(math.sqrt(half)), *terms]))
