"""One message, as the index asks with it: its keys, as hashes, and whom it concerns."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from fmn.model import Message
from fmn.rules.access import Key, Own, keys_of
from fmn.rules.index.postings import EVERY, Keys
from fmn.rules.me import Groups

MEMBER = {"group": "member", "owning group": "owning member"}
"""Field of a group → that of the keys that its members have, for rules that say `mine`."""


def own_key(own: Own, user: str) -> int:
    """Return the key under which a rule of this user is filed that says `me` or `mine`.

    Who is in a group is asked when a message comes, so `mine` is filed under the user, too.
    """
    return hash((MEMBER.get(own.field, own.field), user))


class Question:
    """A message and what the index needs of it, each thing made once."""

    def __init__(self, message: Message, groups: Groups) -> None:
        self.message = message
        self.keys = keys_of(message)
        self._groups = groups

    def hashes(self, teams: Iterable[Own]) -> list[int]:
        """Return every key as a number; `teams`: for which groups members are looked up."""
        hashes = {EVERY, *map(hash, self.keys)}
        for own in teams:
            hashes |= {own_key(own, user) for user in self.concerned(own)}
        return list(hashes)

    @cached_property
    def present(self) -> frozenset[Key]:
        """The keys."""
        return frozenset(self.keys)

    def concerned(self, own: Own) -> Iterable[str]:
        """Return the users whose key of this field the message has; some may come twice."""
        names = [key.value for key in self.keys if key.field == own.field]
        if not own.is_group:
            return names
        return [user for group in set(names) for user in self._groups.members_of(group)]


def as_keys(hashes: list[int]) -> Keys:
    """Return numbers as postings take them."""
    return np.array(hashes, np.int64)
