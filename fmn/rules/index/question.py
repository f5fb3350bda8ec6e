"""One message, as the index asks with it: its keys, as numbers, and whom it concerns."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Own, keys_of, named
from fmn.rules.index.hashes import FIRST_SOUGHT, Keys, all_hashed, hashed
from fmn.rules.index.postings import EVERY
from fmn.rules.index.sights import Sights
from fmn.rules.me import Groups

MEMBER = {"group": "member", "owning group": "owning member"}
"""Field of a group → that of the keys that its members have, for rules that say `mine`."""
EVERYBODY = np.array([EVERY])
KEPT = 1_000
"""Groups whose members are known by heart."""


def own_key(own: Own, user: str) -> int:
    """Return the key under which a rule of this user is filed that says `me` or `mine`.

    Who is in a group is asked when a message comes, so `mine` is filed under the user, too.
    """
    return hashed((MEMBER.get(own.field, own.field), user))


class Teams:
    """The groups of which rules say `mine`, and the keys of their members."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._asked: list[Own] = []
        self._known: dict[tuple[Own, str], tuple[frozenset[str], Keys]] = {}

    def ask(self, own: Own) -> None:
        """Look up members of such groups from now on."""
        if own.is_group and own not in self._asked:
            self._asked.append(own)

    def hashes(self, message: Message) -> list[Keys]:
        """Return those of the keys that the members of its groups have."""
        return [
            self._members(own, group)
            for own in self._asked
            for group in set(named(message, own.field))
        ]

    def users(self, group: str) -> frozenset[str]:
        """Return the users who are in a group."""
        return self._groups.members_of(group)

    def _members(self, own: Own, group: str) -> Keys:
        members = self.users(group)
        known = self._known.get((own, group))
        if known is None or known[0] is not members:
            if len(self._known) >= KEPT:
                self._known.clear()
            keys = np.array([own_key(own, user) for user in members], np.int64)
            known = self._known[own, group] = (members, keys)
        return known[1]


class Question:
    """A message and what the index needs of it, each thing made once."""

    def __init__(self, message: Message, teams: Teams, sights: Sights) -> None:
        self.message = message
        self._teams = teams
        self._keys = keys_of(message)
        hashes = all_hashed(self._keys)
        self.hashes: Keys = np.concatenate([hashes, *teams.hashes(message), EVERYBODY])
        """Of the keys that are looked up as they stand; those of members may come twice."""
        self.numbers = sights.found(message, self._keys)
        """Of those that are sought."""

    def __len__(self) -> int:
        """Return how many keys it has."""
        return len(self.hashes) + len(self.numbers)

    @cached_property
    def every(self) -> frozenset[int]:
        """All of them."""
        return frozenset(self.hashes.tolist()).union((self.numbers + FIRST_SOUGHT).tolist())

    @cached_property
    def present(self) -> frozenset[Key]:
        """The keys of the message that are looked up as they stand, in words."""
        return frozenset(self._keys)

    def concerned(self, own: Own) -> Iterable[str]:
        """Return the users whose key of this field the message has; some may come twice."""
        names = named(self.message, own.field)
        if not own.is_group:
            return names
        return [user for group in set(names) for user in self._teams.users(group)]
