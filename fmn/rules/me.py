"""Whose rule it is, and who is in which group: what `me` and `mine` stand for."""

from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Me:
    """Whose rule it is: what `me` among users and `mine` among groups stand for."""

    user: str
    groups: frozenset[str]

    def is_user(self, name: str, users: AbstractSet[str]) -> bool:
        """Tell whether a list of users, in which `me` is the rule's user, has this one."""
        return (name in users and name != "me") or ("me" in users and name == self.user)

    def is_group(self, name: str, groups: AbstractSet[str]) -> bool:
        """Tell whether a list of groups, in which `mine` is each of the user's, has this one."""
        return (name in groups and name != "mine") or ("mine" in groups and name in self.groups)


class Groups(Protocol):
    """Who is in which group, as it is known now."""

    def groups_of(self, user: str, /) -> frozenset[str]:
        """Return the groups this user is in."""
        ...

    def members_of(self, group: str, /) -> frozenset[str]:
        """Return the users who are in this group."""
        ...


class Memberships:
    """Who is in which group, and never anything else."""

    def __init__(self, groups: Mapping[str, frozenset[str]] | None = None) -> None:
        """Take the groups of each user."""
        self._groups = groups or {}

    def groups_of(self, user: str) -> frozenset[str]:
        """Return the groups this user is in; nobody knows of a stranger's."""
        return self._groups.get(user, NONE)

    def members_of(self, group: str) -> frozenset[str]:
        """Return the users who are in this group."""
        return self._members.get(group, NONE)

    @cached_property
    def _members(self) -> Mapping[str, frozenset[str]]:
        members: defaultdict[str, set[str]] = defaultdict(set)
        for user, groups in self._groups.items():
            for group in groups:
                members[group].add(user)
        return {group: frozenset(users) for group, users in members.items()}
