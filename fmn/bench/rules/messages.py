"""Messages of the world that the rules are about.

Nine in ten are about an artifact, a few of them about several; four in five were done by somebody;
half mention people, one in seven a group, one in a hundred is private. Of 100, 5 are debug, 75 are
info, 13 warning, 7 error. The text has 35 words, about 250 characters; the body is a kilobyte.
"""

import random
from collections.abc import Callable, Iterator

import msgspec

from fmn.bench.rules.workload import ARCHES, STATUSES
from fmn.bench.rules.world import (
    APPS,
    FLAT,
    STEEP,
    TOPICS,
    World,
    app,
    group,
    often,
    pick,
    topic,
    user,
    words,
)
from fmn.model import Message, MessageId, Severity

SEVERITIES = list(Severity)
SHARES = (5, 75, 13, 7)


def messages(world: World, first: int, count: int) -> Iterator[Message]:
    """Yield so many messages, from the one with this number; their bodies are read already."""
    return (message(world, number) for number in range(first, first + count))


def message(world: World, number: int) -> Message:
    """Return the message of this number."""
    chance = world.chance("message", number)
    of = pick(chance, APPS, FLAT)
    people = chance.choice((0, 0, 0, 1, 1, 2))
    about = [pick(chance, world.artifacts) for _ in range(chance.choice(ABOUT))]
    severity = chance.choices(SEVERITIES, SHARES)[0]
    made = Message(
        id=MessageId(f"m-{number}"),
        topic=topic(of, pick(chance, TOPICS, FLAT)),
        app=app(of),
        agent=_one_in(chance, 0.8, user, world.users),
        users=frozenset(user(pick(chance, world.users)) for _ in range(people)),
        groups=frozenset(filter(None, [_one_in(chance, 0.15, group, world.groups, FLAT)])),
        artifacts=frozenset(map(world.artifact, about)),
        owners=tuple(world.ownership(each) for each in dict.fromkeys(about)),
        severity=severity,
        summary=" ".join(words(chance, 6)),
        text=" ".join([*words(chance, 35), "lost" if severity > Severity.INFO else "found"]),
        private=often(chance, 0.01),
        body=_body(chance, world),
    )
    _ = made.content  # it is kept: no side shall read it while it is timed
    return made


ABOUT = (*[0] * 2, *[1] * 15, 2, 2, 5)


def _one_in(
    chance: random.Random, share: float, name: Callable[[int], str], many: int, steep: float = STEEP
) -> str | None:
    return name(pick(chance, many, steep)) if often(chance, share) else None


def _body(chance: random.Random, world: World) -> bytes:
    bugs = [{"bug_id": pick(chance, world.artifacts), "title": _line(chance)} for _ in range(2)]
    return msgspec.json.encode(
        {
            "build": {
                "id": chance.getrandbits(32),
                "status": chance.choice(STATUSES),
                "arch": chance.choice(ARCHES),
                "duration": int(chance.expovariate(1 / 600)),
                "load": round(chance.random(), 3),
            },
            "update": {"release": f"R{chance.randint(38, 45)}", "bugs": bugs, "pushed": None},
            "log": [_line(chance) for _ in range(10)],
        }
    )


def _line(chance: random.Random) -> str:
    return " ".join(words(chance, 10))
