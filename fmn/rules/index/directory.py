"""A directory of sorted keys: which of them begin alike, so that one is found without a search.

Keys are spread evenly over 64 bits, so about as many first bits as there are keys leave few that
begin alike; all of these are compared at once. A search by halves would miss the caches ten times
for each key, where there are a million.
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]

SPREAD = 0x9E37_79B9_7F4A_7C15
"""2⁶⁴ divided by the golden ratio: its multiples lie evenly. Source: Knuth, volume 3, 6.4."""

NONE = np.iinfo(np.int64).max
"""What stands behind the last key."""

ONE = np.array([SPREAD - (1 << 64)])


class Directory:
    """Finds keys; never changed."""

    def __init__(self, keys: Keys) -> None:
        """Take sorted keys, each once."""
        bits = max(len(keys).bit_length() - 1, 1)
        self._shift = np.array(64 - bits)
        half = 1 << (bits - 1)
        beginnings = np.arange(-half, half) << self._shift
        first = np.append(keys.searchsorted(beginnings), len(keys))
        self._first = np.roll(first[:-1].astype(np.uint32), half)  # negative ones from the end
        alike = int(np.diff(first).max())
        self._each = np.arange(alike)
        self._padded = np.append(keys, [NONE] * alike)
        self.keys = self._padded[: len(keys)]

    def find(self, keys: Keys) -> NDArray[np.intp]:
        """Return the place of each of these that is there."""
        first = self._first.take(keys >> self._shift)
        places = first[:, np.newaxis] + self._each
        found: NDArray[np.intp] = places[self._padded.take(places) == keys[:, np.newaxis]]
        return found


def spread(number: int) -> int:
    """Return the key that stands for a number."""
    return (number * SPREAD + (1 << 63)) % (1 << 64) - (1 << 63)


def all_spread(numbers: NDArray[np.intp]) -> Keys:
    """Return the keys that stand for these numbers."""
    keys: Keys = numbers * ONE
    return keys
