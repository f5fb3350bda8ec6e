"""Who and what there is in the benchmark, how popular it is, and who is in which group.

All of it is numbers, 0 the most popular; names, owners and groups follow from number and seed.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fmn.model import Ownership
from fmn.rules.me import Memberships

APPS = 60
TOPICS = 16
"""Of one application."""
WORDS = 20_000
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
THINGS = ("build", "update", "request", "ticket")
TURNS = ("created", "changed", "tagged", "closed")
TYPES = (*["rpms"] * 17, "containers", "modules", "flatpaks")
STEEP, FLAT, EVEN = 2.5, 2.0, 1.0
"""How popularity falls with the rank: as its power of -3/5, as that of -1/2, not at all."""


@dataclass(frozen=True)
class World:
    """As much of everything as so many rules are about."""

    rules: int
    seed: int = 1

    @property
    def users(self) -> int:
        """Each has five rules."""
        return max(self.rules // 5, 1)

    @property
    def artifacts(self) -> int:
        """Packages, containers, modules, flatpaks: a project has as many, however few ask."""
        return max(self.users // 2, 20_000)

    @property
    def stems(self) -> int:
        """How many beginnings the names of artifacts have: 50 share one."""
        return self.artifacts // 50

    @property
    def groups(self) -> int:
        """Of users; a hundred would be in each, were all as popular."""
        return max(self.users // 100, 100)

    def chance(self, what: str, number: int) -> random.Random:
        """Return the chance that makes one user, message or artifact, the same every time."""
        kind = SOURCES.index(what)
        place = (self.seed * len(SOURCES) + kind << 40) + number
        return random.Random(place)  # noqa: S311  # repeatable, and not secret

    def artifact(self, number: int) -> str:
        return f"{TYPES[number % len(TYPES)]}/{self.name(number)}"

    def name(self, number: int) -> str:
        return f"{self.stem(number % self.stems)}-{number}"

    def stem(self, number: int) -> str:
        return f"lib{word(number)}{number}"

    def ownership(self, number: int) -> Ownership:
        """Return who owns an artifact: one to three people, and a group in one case of twenty."""
        chance = self.chance("artifact", number)
        users = {user(pick(chance, self.users, EVEN)) for _ in range(chance.randint(1, 3))}
        groups = {group(pick(chance, self.groups, FLAT))} if often(chance, 0.05) else ()
        return Ownership(self.artifact(number), frozenset(users), frozenset(groups))

    @cached_property
    def memberships(self) -> Memberships:
        """Who is in which group: two people of five in none, two in one, one in two."""
        chance = self.chance("group", 0)
        known: dict[frozenset[str], frozenset[str]] = {}
        of: dict[str, frozenset[str]] = {}
        for number in range(self.users):
            many = chance.choice((0, 0, 1, 1, 2))
            groups = frozenset(group(pick(chance, self.groups, FLAT)) for _ in range(many))
            if groups:
                of[user(number)] = known.setdefault(groups, groups)
        return Memberships(of)


SOURCES = ("user", "message", "artifact", "group", "edit", "narrowing")


def pick(chance: random.Random, many: int, steep: float = STEEP) -> int:
    """Return one of so many, those before it more often; in what measure `steep` says."""
    return int(many * chance.random() ** steep)


def often(chance: random.Random, part: float) -> bool:
    """Tell whether it is one of the cases that are so large a part of all."""
    return chance.random() < part


def some(
    chance: random.Random, most: int, name: Callable[[int], str], many: int, steep: float = STEEP
) -> list[str]:
    """Return up to so many distinct names, mostly one."""
    count = 1 if often(chance, 0.5) else chance.randint(1, most)
    return list(dict.fromkeys(name(pick(chance, many, steep)) for _ in range(count)))


def user(number: int) -> str:
    return f"user{number}"


def group(number: int) -> str:
    return f"team{number}-sig"


def app(number: int) -> str:
    return f"App{number}"


def topic(of: int, number: int) -> str:
    thing, turn = THINGS[number // len(TURNS)], TURNS[number % len(TURNS)]
    return f"org.example.prod.app{of}.{thing}.{turn}"


def word(number: int) -> str:
    """Return a word of six letters; none begins in the middle of two others."""
    base = len(SYLLABLES)
    return "".join(
        SYLLABLES[part] for part in (number % base, number // base % base, number // base**2 % base)
    )


def words(chance: random.Random, count: int) -> Sequence[str]:
    return [word(pick(chance, WORDS, FLAT)) for _ in range(count)]
