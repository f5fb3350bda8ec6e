"""Hashes of keys, and where each stands among many that are sorted.

A search by halves misses the caches ten times for each hash where there are a million. Hashes are
spread evenly: in at least half as many buckets, by their first bits, there are few in each, and
these are compared at once.
"""

from collections.abc import Hashable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]
Places = NDArray[np.intp]

FIRST_SOUGHT = 1 << 62
"""The key of the first thing that is sought; those of the others follow, above all hashes."""

MANY = 50_000
"""Hashes from which on buckets are worth it. Measured."""

ONE = np.array(1)


class Finder(Protocol):
    """Finds hashes; never changed."""

    hashes: Keys
    """All of them."""

    def find(self, hashes: Keys) -> Places:
        """Return the place of each of these that is there."""


def finder(hashes: Keys) -> Finder:
    """Return what finds these, which are sorted, each once."""
    return Buckets(hashes) if len(hashes) > MANY else Halves(hashes)


class Halves:
    """Finds them by halves."""

    def __init__(self, hashes: Keys) -> None:
        self._padded = np.append(hashes, FIRST_SOUGHT)
        self.hashes = self._padded[:-1]

    def find(self, hashes: Keys) -> Places:
        """Return the place of each of these that is there."""
        places = self._padded.searchsorted(hashes)
        found: Places = places[self._padded.take(places) == hashes]
        return found


class Buckets:
    """Finds them by their first bits."""

    def __init__(self, hashes: Keys) -> None:
        bits = max(len(hashes).bit_length() - 1, 1)
        half = 1 << (bits - 1)
        self._shift = np.array(63 - bits)
        first = hashes.searchsorted(np.arange(-half, half) << self._shift)
        self._first = np.roll(first.astype(np.uint32), half)  # negative ones stand at the end
        alike = np.diff(first, append=len(hashes)).max()
        self._alike = np.arange(alike)[:, np.newaxis]
        self._padded = np.append(hashes, [FIRST_SOUGHT] * alike)
        self.hashes = self._padded[: len(hashes)]

    def find(self, hashes: Keys) -> Places:
        """Return the place of each of these that is there."""
        places = self._alike + self._first.take(hashes >> self._shift)
        found: Places = places[self._padded.take(places) == hashes]
        return found


def hashed(key: Hashable) -> int:
    """Return the hash of a key: 63 bits that nobody outside can aim at."""
    return hash(key) >> 1


def all_hashed(keys: Iterable[Hashable]) -> Keys:
    """Return the hash of each of these keys, each once."""
    hashes: Keys = np.array([*{*map(hash, keys)}], np.int64) >> ONE
    return hashes
