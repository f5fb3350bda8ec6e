"""What is sought, numbered: each thing once, however many rules ask for it.

What was there at the last `seal` is found at a cost that follows the message; what is new is asked
one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Sought
from fmn.rules.index.postings import Numbers
from fmn.rules.index.seekers import Seekers

AT_ONCE = 8
"""Seekers there may be before they are made one."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is quick to find: replaced as a whole."""

    seekers: tuple[tuple[int, Seekers], ...] = ()
    """Each with the number of the first thing it seeks."""
    upto: int = 0


class Sights:
    """All that is sought; numbers are given from 0 and kept."""

    def __init__(self) -> None:
        self._numbers: dict[Sought, int] = {}
        self._every: list[Sought] = []
        self._sealed = Sealed()

    def __len__(self) -> int:
        """Return how many things are sought."""
        return len(self._every)

    @property
    def fresh(self) -> int:
        """Return how many are asked one by one."""
        return len(self._every) - self._sealed.upto

    def number(self, sought: Sought) -> int:
        """Return the number of something that is sought."""
        number = self._numbers.setdefault(sought, len(self._every))
        if number == len(self._every):
            self._every.append(sought)
        return number

    def found(self, message: Message, keys: Sequence[Key]) -> Numbers:
        """Return the numbers of all that a message has."""
        sealed = self._sealed
        found = [seekers.found(message, keys) + start for start, seekers in sealed.seekers]
        if sealed.upto < len(self._every):
            fresh = enumerate(self._every[sealed.upto :], sealed.upto)
            found.append(np.array([n for n, each in fresh if _fits(each, message)], np.uint32))
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty(0, np.uint32)

    def seal(self) -> Callable[[], None]:
        """Return what makes all that is sought now quick to find; it may run in another thread."""
        every = self._every[:]
        old = self._sealed

        def job() -> None:
            # A large one holds everybody up while it is made, so few are made again.
            kept = old.seekers if len(old.seekers) < AT_ONCE else ()
            start = old.upto if kept else 0
            if start < len(every):
                self._sealed = Sealed((*kept, (start, Seekers(every[start:]))), len(every))

        return job


def _fits(sought: Sought, message: Message) -> bool:
    try:
        return sought.fits(message)
    except Exception:  # noqa: BLE001  # one that is not total: then the filter itself is asked
        return True
