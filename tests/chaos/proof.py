"""The first leg: all the faults of a form, on a server that syncs every write."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.crew import crew
from tests.chaos.faults import Faults
from tests.chaos.flow import Flow
from tests.chaos.oracle import Fact, world
from tests.chaos.plan import PROCESSES, Fault, Form, What, plan, portions, short_of
from tests.chaos.services import program, services
from tests.chaos.site import Sight, outcome, prepare, wait_for
from tests.chaos.verdict import judge

ALWAYS = ("--appendfsync", "always")
SPARE = 4
"""Portions held back for kills that find nothing in hand, and are tried again."""

Say = Callable[[str], None]


@dataclass
class Leg:
    """What came of a leg."""

    wrong: list[str]
    report: dict[str, Any]
    words: str


def prove(form: Form, seed: int, server: str, folder: Path, say: Say) -> Leg:
    """Run the leg in this folder, which is empty."""
    random = Random(seed)
    given = world(random, form.messages, form.refusals)
    faults = plan(random, form)
    fates = given.fates()
    with ExitStack() as stack:
        around = stack.enter_context(services(folder, program(server), ALWAYS))
        say(f"{server}, PostgreSQL, RabbitMQ and a mail server run; {len(given.people)} users")
        site = prepare(around, folder, given)
        sight = Sight(around, site)
        stack.callback(sight.close)
        members = stack.enter_context(crew(around, folder, PROCESSES))
        started = time.monotonic()
        flow = Flow(around, form.pace)
        stack.callback(flow.end)
        acting = Faults(members, random, say, started)
        stack.callback(acting.close)
        say(f"{len(faults)} faults, {form.messages:,} messages, {len(fates):,} notifications")
        _act(acting, flow, faults, _dealt(random, given.facts, len(faults) + SPARE))
        acting.wait()
        say(f"{time.monotonic() - started:6.1f} s  all is published; waiting until it has drained")
        drained = wait_for(
            lambda: sight.drained(form.messages),
            form.patience,
            lambda: say(str(sight)),
        )
        seconds = time.monotonic() - started
        seen = outcome(around, site, sight, acting.in_doubt, flow.again)
    verdict = judge(fates, form.messages, seen)
    late = [] if drained else [f"it had not drained after {form.patience:g} s"]
    wrong = [*late, *short_of(form, [done.fault for done in acting.done if done.counts])]
    wrong += verdict.wrong
    kills = [done for done in acting.done if done.counts and done.fault.what is What.KILL]
    report = {
        "messages": form.messages,
        "seconds": round(seconds, 1),
        "plan": [done.as_json() for done in acting.done],
        "kills": len(kills),
        "ended_by_themselves": members.ended,
        "figures": dict(verdict.figures),
        "ledger": seen.ledger,
        "wrong": wrong,
    }
    return Leg(wrong, report, _words(verdict.figures, len(kills), len(acting.done), seconds))


def _act(acting: Faults, flow: Flow, faults: Sequence[Fault], dealt: list[list[Fact]]) -> None:
    """Do each fault while a portion of the messages flows; a kill that missed comes again."""
    left = list(faults)
    while left:
        fault = left.pop(0)
        flow.begin(dealt.pop(0))
        time.sleep(fault.pause)
        done = acting.do(fault)
        if not done.counts and len(dealt) > len(left):
            left.append(fault)
    for portion in dealt:
        flow.begin(portion)
    flow.wait()


def _dealt(random: Random, facts: Sequence[Fact], of: int) -> list[list[Fact]]:
    rest, dealt = list(facts), list[list[Fact]]()
    for size in portions(random, len(facts), of):
        dealt.append(rest[:size])
        rest = rest[size:]
    return dealt


def _words(figures: Any, kills: int, faults: int, seconds: float) -> str:
    return (
        f"{figures['expected']:,} mails expected, {figures['missing']} missing, "
        f"{figures['unexpected']} unexpected, {figures['surplus']} surplus of "
        f"{figures['in_doubt']} counted in doubt, {figures['failed']} refused; "
        f"{kills} kills among {faults} faults in {seconds:.0f} s"
    )
