"""The oracle: people, their rules, messages, and who must hear of what, without fmn's matching."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

SEVERITIES = ("debug", "info", "warning", "error")
APPS = ("Koji", "copr", "bodhi", "pagure", "anitya")
AREAS = (
    *("build", "update", "commit", "issue", "review", "release", "test", "wiki"),
    *("meeting", "mirror", "image", "vote", "badge", "scan"),
)
VERBS = ("start", "done", "failed", "changed")
DOMAIN = "chaos.example.org"
ONCE = "org.chaos.once"
"""Topics below it come once each: what goes to an address that is refused."""

Key = tuple[str, str]
"""A message and an address; no two destinations have the same address."""


class Fate(StrEnum):
    """What must become of a notification, in the words of the history."""

    SENT = "sent"
    FAILED = "failed"
    """The mail server refuses the address or the mail for good."""
    SUPPRESSED = "suppressed"
    """Nobody confirmed the address."""


@dataclass(frozen=True)
class Fact:
    """A message, as far as rules look at it."""

    id: str
    topic: str
    app: str | None
    severity: str

    def line(self) -> bytes:
        """Return it as plain facts."""
        said = {"id": self.id, "topic": self.topic, "severity": self.severity}
        said |= {"app": self.app} if self.app else {}
        return json.dumps(said | {"summary": f"{self.topic}: {self.id}"}).encode()


@dataclass(frozen=True)
class Asks:
    """One filter: which topics, applications or severities."""

    kind: str
    """topic, application or severity."""
    what: str
    """How topics begin, the application's name, or the least severity."""
    negated: bool = False

    def true_of(self, fact: Fact) -> bool:
        if self.kind == "topic":
            found = fact.topic.startswith(self.what)
        elif self.kind == "application":
            found = (fact.app or "").lower() == self.what.lower()
        else:
            found = SEVERITIES.index(fact.severity) >= SEVERITIES.index(self.what)
        return found != self.negated

    def as_yaml(self) -> dict[str, Any]:
        said: dict[str, dict[str, Any]] = {
            "topic": {"patterns": [f"{self.what}*"]},
            "application": {"names": [self.what]},
            "severity": {"at_least": self.what},
        }
        return {"kind": self.kind, **said[self.kind]} | ({"negate": True} if self.negated else {})


@dataclass(frozen=True)
class Wish:
    """A rule: what it asks, and the names of destinations it tells."""

    name: str
    asks: tuple[Asks, ...]
    tells: tuple[str, ...]

    def true_of(self, fact: Fact) -> bool:
        return all(one.true_of(fact) for one in self.asks)


@dataclass(frozen=True)
class Person:
    """A user."""

    name: str
    places: dict[str, bool]
    """Name of a destination → whether its address is confirmed."""
    wishes: tuple[Wish, ...]

    def address(self, place: str) -> str:
        return f"{self.name}-{place}@{DOMAIN}"

    def preferences(self, *, confirmed_only: bool) -> dict[str, Any]:
        """Return them as RULES.yaml has them; without the rest, where only what is confirmed."""
        places = [
            name for name, confirmed in self.places.items() if confirmed or not confirmed_only
        ]
        rules = [
            {"name": wish.name, "filters": [one.as_yaml() for one in wish.asks], "destinations": to}
            for wish in self.wishes
            if (to := [name for name in wish.tells if name in places])
        ]
        to_places = {name: {"kind": "email", "address": self.address(name)} for name in places}
        return {"destinations": to_places, "rules": rules}


@dataclass(frozen=True)
class World:
    """All that is decided beforehand."""

    people: tuple[Person, ...]
    facts: tuple[Fact, ...]
    refused_addresses: frozenset[str]
    """The mail server says 550 to them."""
    refused_mails: frozenset[Key] = field(default=frozenset())
    """It says 550 to these, once it has seen them."""

    def fates(self) -> dict[Key, Fate]:
        """Return what must become of each notification there must be."""
        return {
            (fact.id, address): self._fate((fact.id, address), confirmed)
            for fact in self.facts
            for address, confirmed in self._told(fact)
        }

    def _told(self, fact: Fact) -> Iterator[tuple[str, bool]]:
        for person in self.people:
            names = {to for wish in person.wishes if wish.true_of(fact) for to in wish.tells}
            yield from ((person.address(to), person.places[to]) for to in sorted(names))

    def _fate(self, key: Key, confirmed: bool) -> Fate:
        if not confirmed:
            return Fate.SUPPRESSED
        refused = key[1] in self.refused_addresses or key in self.refused_mails
        return Fate.FAILED if refused else Fate.SENT


def world(random: Random, messages: int, refusals: int) -> World:
    """Draw people and messages; of the notifications so many are refused for good."""
    at_addresses = refusals // 2
    once = tuple(range(at_addresses))
    people = (*(_person(random, i) for i in range(8)), _unlucky(once))
    facts = [_fact(random, i) for i in range(messages - len(once))]
    facts += [Fact(f"m-once-{i}", f"{ONCE}.{i}.x", None, "debug") for i in once]
    random.shuffle(facts)
    addresses = frozenset(people[-1].address(f"to-{i}") for i in once)
    drawn = World(people, tuple(facts), addresses)
    sent = [key for key, fate in drawn.fates().items() if fate is Fate.SENT]
    mails = frozenset(random.sample(sent, refusals - at_addresses))
    return World(people, tuple(facts), addresses, mails)


def _fact(random: Random, i: int) -> Fact:
    topic = f"org.chaos.{random.choice(AREAS)}.{random.choice(VERBS)}"
    app = random.choice((*APPS, None))
    return Fact(f"m-{i}", topic, app, random.choice(SEVERITIES))


def _person(random: Random, i: int) -> Person:
    places = {f"to-{j}": True for j in range(random.randint(1, 3))}
    if i % 3 == 0:
        places["unread"] = False
    area = random.choice(AREAS)
    wishes = [_wish(random, places, f"Wish {j}", random.choice(AREAS)) for j in range(2)]
    # Two that overlap: one notification for a destination that both choose.
    wishes += [_wish(random, places, "One", area), _wish(random, places, "Another", area)]
    return Person(f"user{i}", places, tuple(wishes))


def _wish(random: Random, places: dict[str, bool], name: str, area: str) -> Wish:
    asks = [Asks("topic", f"org.chaos.{area}.")]
    if random.random() < 0.7:
        asks.append(Asks("severity", random.choice(SEVERITIES[1:]), random.random() < 0.4))
    if random.random() < 0.7:
        asks.append(Asks("application", random.choice(APPS).upper(), random.random() < 0.7))
    tells = random.sample(sorted(places), random.randint(1, min(2, len(places))))
    return Wish(name, tuple(asks), tuple(tells))


def _unlucky(once: tuple[int, ...]) -> Person:
    """Return whose addresses are all refused, each when it is told its one message."""
    wishes = tuple(Wish(f"Once {i}", (Asks("topic", f"{ONCE}.{i}."),), (f"to-{i}",)) for i in once)
    return Person("unlucky", {f"to-{i}": True for i in once}, wishes)
