"""A user's rules and destinations, and everybody's as one rule set."""

from collections.abc import Iterable
from dataclasses import dataclass

from fmn.model import Destination, Ownership, UserId
from fmn.rules.me import Groups, Memberships
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class Preferences:
    """All of one user's destinations and rules, each in the user's own order."""

    id: UserId
    user: str
    """The user's name."""
    groups: tuple[str, ...] = ()
    """As written in YAML; in production the directory knows."""
    destinations: tuple[Destination, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """A whole file of preferences: users in its order, and who owns what."""

    users: tuple[Preferences, ...]
    owners: tuple[Ownership, ...] = ()


def rule_set(
    users: Iterable[Preferences],
    *,
    version: int = 0,
    groups: Groups | None = None,
) -> RuleSet:
    """Return the rules of these users as one set; groups are as written unless `groups` says."""
    users = tuple(users)
    written = {preferences.user: frozenset(preferences.groups) for preferences in users}
    return RuleSet(
        (rule for preferences in users for rule in preferences.rules),
        version=version,
        groups=groups or Memberships(written),
        destinations=(d for preferences in users for d in preferences.destinations),
    )
