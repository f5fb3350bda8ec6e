"""Users and the slots of their rules: whose a slot is, and whether it still counts.

Each rule has a slot; those of one user follow each other. Who changes rules gets new slots at the
end, and the old ones count no more.
"""

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fmn.rules.index.column import Column
from fmn.rules.index.postings import Mask

Slots = NDArray[np.uint32]

FEW = 8
"""Names that are compared one by one."""


class Users:
    """All users, by number; a number is kept for ever."""

    def __init__(self) -> None:
        self._names = Column(np.int64)  # hashes: 64 bits nobody outside can aim at
        self._first = Column(np.uint32)
        self._many = Column(np.uint32)
        self._user = Column(np.uint32)  # of each slot
        self._loading: _Loading | None = _Loading()
        self._sorted: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._since: dict[int, int] = {}
        self.in_order = True
        """Whether slots are in the order of their users: not once somebody has changed rules."""
        self.have_changed = False
        """Whether there are slots that count no more."""

    def __len__(self) -> int:
        """Return how many users there are."""
        return len(self._loading.names) if self._loading else len(self._names)

    def put(self, name: str, rules: int) -> tuple[int, int]:
        """Return the user's number, and the first of new slots for so many rules."""
        if self._loading:
            return self._loading.put(hash(name), rules)
        known = self._known(hash(name))
        if known is not None:
            self.in_order, self.have_changed = False, True
        number = self._new(hash(name)) if known is None else known
        first = len(self._user)
        self._first[number], self._many[number] = first, rules
        self._user.extend(number, rules)
        return number, first

    def of(self, slots: Slots) -> Slots:
        """Return whose they are."""
        users: Slots = self._user.all.take(slots)  # of very many, twice as fast as an index
        return users

    def places(self, slots: Slots, users: Slots) -> Slots:
        """Return which rule of its user each is, from 0."""
        places: Slots = slots - self._first.all.take(users)
        return places

    def count(self, slots: Slots) -> Mask:
        """Tell which of them still count."""
        users = self.of(slots)
        still: Mask = self.places(slots, users) < self._many.all.take(users)
        return still

    def are(self, slots: Slots, names: Iterable[str]) -> Mask:
        """Tell which of them belong to users of these names."""
        theirs = self._names.all.take(self.of(slots))
        hashes = [hash(name) for name in set(names)]
        if len(hashes) > FEW:
            wanted = np.sort(np.array(hashes, np.int64))
            at = np.minimum(wanted.searchsorted(theirs), len(wanted) - 1)
            many: Mask = wanted[at] == theirs
            return many
        found: Mask = theirs == (hashes.pop() if hashes else -1)  # no hash of Python's is -1
        for each in hashes:
            found |= theirs == each
        return found

    def settle(self) -> None:
        """Make everybody who was put quick to find; before that nobody may be looked for."""
        if not self._loading:
            return
        loaded, self._loading = self._loading, None
        many = np.array(loaded.many, np.uint32)
        self._names.extend(loaded.names, len(many))
        self._many.extend(many, len(many))
        self._first.extend(many.cumsum() - many, len(many))
        self._user.extend(np.repeat(np.arange(len(many)), many), loaded.slots)
        order = np.argsort(self._names.all, kind="stable")
        self._sorted = order.astype(np.uint32)
        self._leave_out_earlier(order)

    def _leave_out_earlier(self, order: NDArray[np.intp]) -> None:
        """Of those who were put twice, let only the last count."""
        names = self._names.all[order]
        for number in order[:-1][names[1:] == names[:-1]].tolist():
            self._many[number] = 0
            self.have_changed = True

    def _new(self, name: int) -> int:
        number = self._since[name] = len(self._names)
        self._names.append(name)
        self._first.append(0)
        self._many.append(0)
        return number

    def _known(self, name: int) -> int | None:
        order = self._sorted
        at = self._names[: len(order)].searchsorted(name, side="right", sorter=order)
        if at > 0 and self._names[number := int(order[at - 1])] == name:
            return number
        return self._since.get(name)


class _Loading:
    """Users who are put before anybody is looked for, as if each came once."""

    def __init__(self) -> None:
        self.names = array("q")
        self.many = array("I")
        self.slots = 0

    def put(self, name: int, rules: int) -> tuple[int, int]:
        number, first = len(self.names), self.slots
        self.names.append(name)
        self.many.append(rules)
        self.slots += rules
        return number, first
