"""The second leg: a power cut on a server that syncs every second, and cannot be asked for more.

What the bus was told is safe and is not must be named: the ledger says how many messages are lost.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from redis.exceptions import RedisError

from tests.chaos.crew import Crew, crew
from tests.chaos.flow import Flow
from tests.chaos.oracle import Asks, Fact, Person, Wish, World
from tests.chaos.plan import SCHEDULER
from tests.chaos.proof import Leg, Say
from tests.chaos.services import RedisServer, Services, program, services
from tests.chaos.site import Sight, ledger_of, prepare, wait_for

EVERY_SECOND = ("--appendfsync", "everysec", "--rename-command", "WAITAOF", "")
"""As with Debian's Redis 7.0, which has no WAITAOF."""
ROLES = ("consumer", "worker", "sender", *SCHEDULER, "recorder")
MESSAGES = 4_000
BEFORE = 500
"""So many have gone their whole way when the others come."""
PACE = 500
"""Messages a second."""
LOOK = 0.01
"""Seconds between two looks at how long the file is."""
ENOUGH = 100
"""Messages that came in that time."""
GONE = 1.0
"""Seconds of writes that a power cut takes."""
PATIENCE = 90.0


def lose(seed: int, server: str, folder: Path, say: Say) -> Leg:
    """Run the leg in this folder, which is empty."""
    random = Random(seed)
    given = _world()
    with ExitStack() as stack:
        around = stack.enter_context(services(folder, program(server), EVERY_SECOND))
        site = prepare(around, folder, given)
        sight = Sight(around, site)
        stack.callback(sight.close)
        members = stack.enter_context(crew(around, folder, ROLES))
        flow = Flow(around, PACE)
        stack.callback(flow.end)
        say(f"{MESSAGES:,} messages, {server} on everysec, a power cut")
        flow.begin(given.facts[:BEFORE])
        flow.wait()
        settled = wait_for(lambda: sight.drained(BEFORE), PATIENCE)
        # So nothing comes out of what is taken now: what the file loses is nowhere.
        with _asleep(members, "worker"):
            flow.begin(given.facts[BEFORE:])
            taken = _power_cut(around, random, sight)
        flow.wait()
        settled &= wait_for(lambda: _settled(members, sight), PATIENCE)
        known = sight.known()
        received = {one.message for one in around.mail.receipts()}
        code, ledger = ledger_of(site)
    missing = len({fact.id for fact in given.facts} - known - received)
    lost = ledger["messages"]["lost"]
    checks = {
        f"it had not drained after {PATIENCE:g} s": not settled,
        "the power cut took nothing that was acknowledged: this proves nothing": not missing,
        f"{missing} messages are nowhere, the ledger has {lost} lost": lost != missing,
        f"`fmn ledger` ends with {code}: {ledger}": code != 0,
        f"{len(known ^ received)} messages only recorded or only received": known != received,
    }
    wrong = [words for words, true in checks.items() if true]
    report = {
        "messages": MESSAGES,
        "bytes_cut": taken,
        "missing": missing,
        "ledger": ledger,
        "wrong": wrong,
    }
    words = f"after a power cut {missing} messages are gone, {lost} named by the ledger"
    return Leg(wrong, report, words)


def _world() -> World:
    all_of_it = Wish("All", (Asks("topic", "org.chaos."),), ("to-0",))
    facts = (Fact(f"m-{i}", "org.chaos.build.done", None, "info") for i in range(MESSAGES))
    return World((Person("alice", {"to-0": True}, (all_of_it,)),), tuple(facts), frozenset())


def _power_cut(around: Services, random: Random, sight: Sight) -> int:
    """Kill the server and take the last second of its file; return how many bytes that were."""
    redis = around.redis
    with _watched(redis, sight) as looks:
        wait_for(lambda: _in_the_last_second(looks) > ENOUGH, PATIENCE)
        redis.kill()
        killed = time.monotonic()
    safe = max(look.length for look in looks if look.at < killed - GONE)
    file = redis.file
    whole = file.stat().st_size
    # Anywhere: the server cuts what is left of a command itself.
    left = safe - random.randint(0, 50)
    with file.open("rb+") as opened:
        opened.truncate(left)
    redis.start()
    return whole - left


@dataclass(frozen=True)
class _Look:
    at: float
    length: int
    """Of the file."""
    entries: int


def _in_the_last_second(looks: list[_Look]) -> int:
    """Return how many entries the server has now that it had not a second ago, and a little."""
    if not looks:
        return 0
    now = looks[-1]
    before = [look for look in looks if look.at < now.at - GONE]
    return now.entries - before[-1].entries if before else 0


@contextmanager
def _watched(redis: RedisServer, sight: Sight) -> Iterator[list[_Look]]:
    """Look at the server and at its file, again and again until the block ends."""
    over, looks = threading.Event(), list[_Look]()

    def look() -> None:
        with suppress(RedisError):  # until it is killed
            while not over.wait(LOOK):
                at, length = time.monotonic(), redis.file.stat().st_size
                looks.append(_Look(at, length, sight.counted()))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield looks
    finally:
        over.set()
        looking.join()


@contextmanager
def _asleep(members: Crew, role: str) -> Iterator[None]:
    them = [member for member in members.members if member.role == role]
    for member in them:
        member.told(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in them:
            member.told(signal.SIGCONT)


def _settled(members: Crew, sight: Sight) -> bool:
    return not sight.waiting() and not members.on_bus() and sight.drained(0)
