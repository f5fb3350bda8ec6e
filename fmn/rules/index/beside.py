"""What stands beside the postings until the next seal: rows, and a dictionary once it is asked."""

from array import array
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import numpy as np

from fmn.rules.index.postings import Entries


class Beside:
    """Rows of key, rest and slot. A change costs microseconds, and a million are only arrays."""

    def __init__(self) -> None:
        self._keys, self._rests, self._slots = array("q"), array("I"), array("I")
        self._by_key: dict[int, list[int]] = {}  # rows of each key, of those that were filed
        self._filed = 0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._keys)

    def extend(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Take rows of key, rest and slot."""
        for key, rest, slot in rows:
            self._keys.append(key)
            self._rests.append(rest)
            self._slots.append(slot)

    def under(self, keys: AbstractSet[int]) -> dict[int, list[int]]:
        """Return rest → slots of all rows that have one of these keys."""
        self._file()
        found: dict[int, list[int]] = {}
        for key in self._by_key.keys() & keys:
            for row in self._by_key[key]:
                found.setdefault(self._rests[row], []).append(self._slots[row])
        return found

    @property
    def entries(self) -> Entries:
        """All rows, for postings."""
        return Entries(
            np.array(self._keys, np.int64),
            np.array(self._rests, np.uint32),
            np.array(self._slots, np.uint32),
        )

    def _file(self) -> None:
        for row in range(self._filed, len(self._keys)):
            self._by_key.setdefault(self._keys[row], []).append(row)
        self._filed = len(self._keys)
