"""Under which name a rule set has the rules of each user, who may have another name by now."""

from array import array

import numpy as np

from fmn.model import UserId


class Names:
    """The names of users, by their ids.

    Those who were there at the start are many, and take 16 bytes each beside their names; who
    changed since stands in a dictionary.
    """

    def __init__(self) -> None:
        self._ids = array("q")  # hashes: 64 bits nobody outside can aim at
        self._ends = array("I")
        self._text = bytearray()
        self._sorted, self._order = np.empty(0, np.int64), np.empty(0, np.uint32)
        self._since: dict[UserId, str | None] = {}

    def start(self, user: UserId, name: str) -> None:
        """Take a user who is there at the start; `settle` is called before any is asked for."""
        self._ids.append(hash(user))
        self._text += name.encode()
        self._ends.append(len(self._text))

    def settle(self) -> None:
        """Make those of the start quick to find."""
        ids = np.frombuffer(self._ids, np.int64)
        order = np.argsort(ids)
        self._sorted, self._order = ids[order], order.astype(np.uint32)
        self._ids = array("q")

    def name(self, user: UserId) -> str | None:
        """Return the name of a user; None if there is none."""
        return self._since[user] if user in self._since else self._first(hash(user))

    def put(self, user: UserId, name: str | None) -> None:
        """Keep a name in place of the one the user had; None: there is none any more."""
        self._since[user] = name

    def _first(self, hashed: int) -> str | None:
        at = int(self._sorted.searchsorted(hashed))
        if at == len(self._sorted) or self._sorted[at] != hashed:
            return None
        place = int(self._order[at])
        start = self._ends[place - 1] if place else 0
        return self._text[start : self._ends[place]].decode()
