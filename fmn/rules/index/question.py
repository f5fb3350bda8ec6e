"""One message, as the index asks with it: its keys, as numbers, and whom it concerns."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Own, keys_of
from fmn.rules.index.postings import EVERY, Keys
from fmn.rules.index.sights import Sights
from fmn.rules.me import Groups

MEMBER = {"group": "member", "owning group": "owning member"}
"""Field of a group → that of the keys that its members have, for rules that say `mine`."""


def own_key(own: Own, user: str) -> int:
    """Return the key under which a rule of this user is filed that says `me` or `mine`.

    Who is in a group is asked when a message comes, so `mine` is filed under the user, too.
    """
    return hash((MEMBER.get(own.field, own.field), user))


class Question:
    """A message and what the index needs of it, each thing made once.

    `teams`: of which groups the members are looked up.
    """

    def __init__(
        self, message: Message, groups: Groups, teams: Iterable[Own], sights: Sights
    ) -> None:
        self.message = message
        self._groups = groups
        keys = keys_of(message)
        hashes = {EVERY, *map(hash, keys)}
        self._keys = keys
        for own in teams:
            hashes.update(own_key(own, user) for user in self.concerned(own))
        self._hashes = hashes
        self.keys: Keys = np.array(list(hashes), np.int64)
        """Those that are looked up as they stand."""
        self.numbers = sights.found(message, keys)
        """Those that are sought."""

    def __len__(self) -> int:
        """Return how many keys it has."""
        return len(self._hashes) + len(self.numbers)

    @cached_property
    def every(self) -> frozenset[int]:
        """All of them."""
        return frozenset(self._hashes).union(self.numbers.tolist())

    @cached_property
    def present(self) -> frozenset[Key]:
        """The keys of the message that are looked up as they stand, in words."""
        return frozenset(self._keys)

    def concerned(self, own: Own) -> Iterable[str]:
        """Return the users whose key of this field the message has; some may come twice."""
        names = [key.value for key in self._keys if key.field == own.field]
        if not own.is_group:
            return names
        return [user for group in set(names) for user in self._groups.members_of(group)]
