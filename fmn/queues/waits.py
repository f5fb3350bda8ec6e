"""Waits as a histogram: counts in buckets can be added over processes, percentiles cannot."""

import math
from collections.abc import Mapping

SMALLEST = 0.0001
"""Seconds; what is shorter is in bucket 0."""
STEPS = 4
"""Buckets to a doubling: a bucket is at most 19 % wide."""


def bucket_of(seconds: float) -> int:
    """Return the number of the bucket a wait belongs to."""
    return max(0, math.ceil(STEPS * math.log2(max(seconds, SMALLEST) / SMALLEST)))


def upper_bound(bucket: int) -> float:
    """Return the longest wait of a bucket, in seconds."""
    return float(SMALLEST * 2 ** (bucket / STEPS))


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """Return the wait that `share` of all were no longer than, by nearest rank, in seconds."""
    rank = max(1, math.ceil(share * sum(buckets.values())))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return upper_bound(bucket)
    return None
