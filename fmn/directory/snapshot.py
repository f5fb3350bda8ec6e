"""Who owns what and who is in which group, as known at one moment, and where that comes from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from fmn.model import Message, Ownership
from fmn.rules.me import Memberships


@dataclass(frozen=True)
class Snapshot:
    """What the directory said at one moment."""

    owners: Mapping[str, Ownership] = field(default_factory=dict)
    """Artifact → who owns it."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """User → the groups that user is in."""
    version: str = ""
    """Equal where what was read is equal, in every process."""

    def with_owners(self, message: Message) -> Message:
        """Return the message with the owners of its artifacts, sorted by artifact."""
        known = sorted(message.artifacts & self.owners.keys())
        return replace(message, owners=tuple(self.owners[artifact] for artifact in known))

    @cached_property
    def memberships(self) -> Memberships:
        """Who is in which group."""
        return Memberships(self.groups)


class Directory(ABC):
    """Answers from what it knew last, never by asking a service."""

    @property
    @abstractmethod
    def current(self) -> Snapshot:
        """The newest snapshot."""

    @abstractmethod
    async def follow(self) -> None:
        """Keep the snapshot fresh until cancelled."""

    def with_owners(self, message: Message) -> Message:
        """Return the message with the owners of its artifacts as they are known now."""
        return self.current.with_owners(message)

    def groups_of(self, user: str) -> frozenset[str]:
        """Return the groups the user is in as they are known now."""
        return self.current.memberships.groups_of(user)

    def members_of(self, group: str) -> frozenset[str]:
        """Return the users who are in the group as they are known now."""
        return self.current.memberships.members_of(group)
