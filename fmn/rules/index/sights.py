"""What is sought, numbered: each thing once, however many rules ask for it.

What was there at the last `seal` is found at a cost that follows the message; what is new is asked
one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Sought
from fmn.rules.index.hashes import FIRST_SOUGHT, Places
from fmn.rules.index.seekers import Seekers, has

FEW = 8
"""Things that are asked one by one before they are seekers of their own."""
SMALL = 200
"""Things that are made again whenever others are: a fraction of a millisecond."""
MOST = 2_000
"""Things that become seekers while somebody waits: a matter of a few milliseconds."""
AT_ONCE = 8
"""Seekers above which it is time to make fewer of them."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is quick to find: replaced as a whole."""

    seekers: tuple[tuple[int, Seekers], ...] = ()
    """Each with the number of the first thing it seeks."""
    upto: int = 0

    def beginning(self, end: int, most: int) -> int:
        """Return where one begins that takes the place of all that are not much larger than it.

        So there are never many, and each thing is made again few times. It seeks at most so many,
        but for those that nothing sought yet.
        """
        starts = [first for first, _ in self.seekers]
        for start, after in pairwise((*starts, self.upto)):
            if end - start <= most and after - start <= max(SMALL, 2 * (end - after)):
                return start
        return self.upto

    def more(self, every: Sequence[Sought], start: int) -> "Sealed":
        """Return this with one that seeks all from `start`, in place of those it has from there."""
        kept = tuple(each for each in self.seekers if each[0] < start)
        return Sealed((*kept, (start, Seekers(every[start:]))), len(every))


class Sights:
    """All that is sought; numbers are given from 0 and kept."""

    def __init__(self) -> None:
        self._numbers: dict[Sought, int] = {}
        self._every: list[Sought] = []
        self._sealed = Sealed()
        self._is_loading = True

    def __len__(self) -> int:
        """Return how many things are sought."""
        return len(self._every)

    @property
    def are_many(self) -> bool:
        """Tell whether they are so many seekers that a seal is worth it."""
        return len(self._sealed.seekers) > AT_ONCE

    def key(self, sought: Sought) -> int:
        """Return the key of something that is sought."""
        number = self._numbers.setdefault(sought, len(self._every))
        if number == len(self._every):
            self._every.append(sought)
            if not self._is_loading and len(self) - self._sealed.upto >= FEW:
                start = self._sealed.beginning(len(self), MOST)
                self._sealed = self._sealed.more(self._every, start)
        return FIRST_SOUGHT + number

    def found(self, message: Message, keys: Sequence[Key]) -> Places:
        """Return the numbers of all that a message has: what they are above `FIRST_SOUGHT`."""
        sealed = self._sealed
        found = [start + seekers.found(message, keys) for start, seekers in sealed.seekers]
        if sealed.upto < len(self._every):
            fresh = enumerate(self._every[sealed.upto :], sealed.upto)
            found.append(np.array([n for n, each in fresh if has(message, each)], np.intp))
        return np.concatenate(found) if found else np.empty(0, np.intp)

    def seal(self) -> Callable[[], None]:
        """Return what makes fewer seekers of all that is sought now; for any thread.

        To make a large one holds everybody up, so one is made again only when as much is new.
        """
        every, old = self._every[:], self._sealed
        self._is_loading = False
        start = old.beginning(len(every), len(every))

        def job() -> None:
            if start < len(every):
                self._sealed = old.more(every, start)

        return job
