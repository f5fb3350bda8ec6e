"""What a million users ask for: rows of rules, made from a seed, one user after the other.

Each user has five rules and one to three destinations. Popularity falls with the rank: the first
of P artifacts, users, bugs is P^(3/5) times as popular as the last, the first of P applications,
groups, topics, words of a message P^(1/2) times. There are half as many artifacts as users, and a
hundredth as many groups.

defaults   two rules of each: what I own, or my groups own, unless I did it; what mentions me,
           unless I did it. One in four changed the first: severities, not all apps, only my own
own        three rules of each: 30 % name artifacts (one or two), 3 % by glob; 21 % follow users by
           what they did, 6 % by mentions, 5 % by what they own; 9 % name groups; 9 % an application
           and something rarer in it (word, regex, value, errors), 5 % topics by glob, likewise; 8 %
           a value of the body; 5 in 1,000 words, one a regex
few        one own rule in 3,000 is a whole application; four are everything but a few of these
narrowed   most own rules have one or two filters more, of 300 that people think of, some far more
           often than others. Most leave something out, as in Fedora's first service (8 and 15
           exclusions in two of its three defaults): applications, a topic, me, a word. The others
           ask for a severity, a status, a number, an application. A fiftieth is disabled
"""

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec

from fmn.bench.rules.rows import RuleRow, UserRow
from fmn.bench.rules.world import (
    APPS,
    EVEN,
    FLAT,
    TOPICS,
    WORDS,
    World,
    app,
    group,
    often,
    pick,
    some,
    topic,
    user,
    word,
)
from fmn.model import DestinationState

OWN = 3
EVERYTHING = 4
WHOLE = 1 / 3_000
DISABLED = 0.02
LASTING = (60, 300, 600, 900, 1_800, 3_600, 7_200)
"""Seconds that people think of as long."""
NARROWINGS = 300
EXCLUDED = 1_000  # words of which one is not wanted
STATUSES = ("done", "failed", "waiting", "cancelled")
ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x")

Asked = dict[str, Any]
Maker = Callable[[random.Random, World], Asked]

encoded = msgspec.json.Encoder(order=None).encode


def rows(world: World) -> Iterator[UserRow]:
    """Yield the rows of every user."""
    return (row(world, number) for number in range(world.users))


def row(world: World, number: int, *, edited: bool = False) -> UserRow:
    """Return the rows of one user; edited, with five other rules."""
    chance = world.chance("edit" if edited else "user", number)
    asked = _defaults(chance), _mentions(), *(_own(chance, world) for _ in range(OWN))
    told = _destinations(chance, number)
    rules = [_rule(chance, place, each, len(told)) for place, each in enumerate(asked)]
    if number % max(world.users // EVERYTHING, 1) == 0 and not edited:
        rules[-1] = _everything(chance, rules[-1])
    return UserRow(user(number), told, rules)


def _destinations(chance: random.Random, number: int) -> list[tuple[Any, ...]]:
    ways = [("email", "email", f"{user(number)}@example.org"), ("irc", "irc", f"{user(number)}")]
    ways.append(("phone", "push", f"https://push.example.org/{chance.getrandbits(96):x}"))
    active = DestinationState.ACTIVE
    many = chance.choice((1, 1, 1, 2, 2, 3))
    return [(f"{chance.getrandbits(64):016x}", *way, active) for way in ways[:many]]


def _rule(chance: random.Random, place: int, asked: list[Asked], told: int) -> RuleRow:
    names = "What is mine", "Mentions of me", "What I watch", "Of interest", "Something else"
    tells = (0,) if often(chance, 0.8) else tuple(range(told))
    text = encoded(asked).decode()
    enabled = not often(chance, DISABLED)
    return RuleRow(f"{chance.getrandbits(64):016x}", names[place], text, tells, enabled)


def _everything(chance: random.Random, rule: RuleRow) -> RuleRow:
    but = {"kind": "application", "names": some(chance, 5, app, APPS, FLAT), "negate": True}
    return rule._replace(filters=encoded([but]).decode(), enabled=True, everything=True)


def _defaults(chance: random.Random) -> list[Asked]:
    mine = {"kind": "owner", "users": ["me"], "groups": ["mine"]}
    match chance.randrange(12):
        case 0:
            return [mine, _not_me(), {"kind": "severity", "at_least": "warning"}]
        case 1:
            names = some(chance, 3, app, APPS, FLAT)
            return [mine, _not_me(), {"kind": "application", "names": names, "negate": True}]
        case 2:
            return [{"kind": "owner", "users": ["me"]}, _not_me()]
    return [mine, _not_me()]


def _mentions() -> list[Asked]:
    return [{"kind": "user", "users": ["me"]}, _not_me()]


def _not_me() -> Asked:
    return {"kind": "agent", "users": ["me"], "negate": True}


def _own(chance: random.Random, world: World) -> list[Asked]:
    if often(chance, WHOLE):
        return [_of_app(chance)]
    [about] = chance.choices(MAKERS, cum_weights=WEIGHTS)
    asked = [about(chance, world)]
    if about in BROAD:
        asked.append(chance.choice(RARE)(chance, world))
    more = chance.choice((0, 1, 1, 1, 2))
    further = dict.fromkeys(pick(chance, NARROWINGS) for _ in range(more))
    return asked + [_narrowings(world)[number] for number in further]


@lru_cache(1)
def _narrowings(world: World) -> list[Asked]:
    numbers = range(NARROWINGS)
    return [FURTHER[n % len(FURTHER)](world.chance("narrowing", n), world) for n in numbers]


def _artifacts(chance: random.Random, world: World) -> Asked:
    types = {"types": ["rpms"]} if often(chance, 0.5) else {}
    return {"kind": "artifact", **types, "names": some(chance, 2, world.name, world.artifacts)}


def _named_like(chance: random.Random, world: World) -> Asked:
    stem = world.stem(pick(chance, world.stems, FLAT))
    return {"kind": "artifact", "names": [chance.choice((f"{stem}-*", f"*{stem}-*"))]}


def _done_by(chance: random.Random, world: World) -> Asked:
    return {"kind": "agent", "users": some(chance, 3, user, world.users)}


def _mentioned(chance: random.Random, world: World) -> Asked:
    return {"kind": "user", "users": some(chance, 3, user, world.users)}


def _owned_by(chance: random.Random, world: World) -> Asked:
    return {"kind": "owner", "users": some(chance, 3, user, world.users)}


def _groups(chance: random.Random, world: World) -> Asked:
    mine = ["mine"] if often(chance, 0.3) else []
    return {"kind": "group", "groups": mine or some(chance, 2, group, world.groups, FLAT)}


def _of_app(chance: random.Random, _: World | None = None) -> Asked:
    return {"kind": "application", "names": [app(pick(chance, APPS, FLAT))]}


def _topic_like(chance: random.Random, _: World) -> Asked:
    of, turn = pick(chance, APPS, FLAT), pick(chance, TOPICS, FLAT)
    exact = topic(of, turn)
    return {
        "kind": "topic",
        "patterns": [chance.choice((exact, exact.rpartition(".")[0] + ".*", f"*.app{of}.*"))],
    }


def _word(chance: random.Random, _: World) -> Asked:
    return {"kind": "text", "words": some(chance, 3, word, WORDS, EVEN)}


def _regex(chance: random.Random, _: World) -> Asked:
    said = word(pick(chance, WORDS, EVEN))
    return {"kind": "regex", "patterns": [chance.choice((rf"(?i)\b{said}\b", rf"{said}.* lost"))]}


def _value(chance: random.Random, world: World) -> Asked:
    bug = pick(chance, world.artifacts)
    return {"kind": "field", "path": "update.bugs[].bug_id", "equals": bug}


def _errors(_: random.Random, __: World) -> Asked:
    return {"kind": "severity", "in": ["error"]}


def _severe(chance: random.Random, _: World) -> Asked:
    return {"kind": "severity", "at_least": chance.choice(("info", "warning", "error"))}


def _in_apps(chance: random.Random, _: World) -> Asked:
    return {"kind": "application", "names": some(chance, 5, app, APPS, FLAT)}


def _not_in_apps(chance: random.Random, world: World) -> Asked:
    return _in_apps(chance, world) | {"negate": True}


def _not_by_me(_: random.Random, __: World) -> Asked:
    return _not_me()


def _status(chance: random.Random, _: World) -> Asked:
    return {"kind": "field", "path": "build.status", "in": chance.sample(STATUSES, 2)}


def _lasting(chance: random.Random, _: World) -> Asked:
    return {"kind": "field", "path": "build.duration", "at_least": chance.choice(LASTING)}


def _without_word(chance: random.Random, _: World) -> Asked:
    return {"kind": "text", "words": [word(pick(chance, EXCLUDED))], "negate": True}


def _not_topic(chance: random.Random, world: World) -> Asked:
    return _topic_like(chance, world) | {"negate": True}


ABOUT: dict[Maker, int] = {
    _artifacts: 300,
    _named_like: 30,
    _done_by: 210,
    _mentioned: 60,
    _owned_by: 50,
    _groups: 90,
    _of_app: 90,
    _topic_like: 50,
    _value: 80,
    _word: 5,
    _regex: 1,
}
MAKERS, WEIGHTS = list(ABOUT), list(accumulate(ABOUT.values()))
BROAD = {_of_app, _topic_like}
RARE: tuple[Maker, ...] = (*[_word] * 40, *[_value] * 30, *[_errors] * 29, _regex)
FURTHER: tuple[Maker, ...] = (
    *(_not_in_apps, _severe, _not_topic, _not_by_me, _status, _not_in_apps, _lasting),
    *(_not_topic, _severe, _without_word, _not_by_me, _in_apps),
)
