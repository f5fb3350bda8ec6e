"""The plan: which fault comes when, drawn from a seed, and how much each form must have of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from random import Random

SCHEDULER = ("scheduler",) if find_spec("fmn.processes.scheduler") else ()
"""Where there is one."""
PROCESSES = ("consumer", "worker", "worker", "sender", "sender", *SCHEDULER, "recorder")
"""What runs; a role named twice has two processes."""

LEASE = 5.0
"""Seconds of silence that mean death (`fmn.queues.life.SILENCE`)."""


class What(StrEnum):
    """A kind of fault."""

    KILL = "kill"
    """SIGKILL to a process that has something in hand."""
    STOP = "stop"
    """SIGSTOP to one, for longer than the lease."""
    CRASH = "crash"
    """SIGKILL to a service, which is started again."""
    CUT = "cut"
    """Every connection of a role to a service ends at once."""
    PARTITION = "partition"
    """A role does not reach a service for a while; others do."""
    BUSY = "busy"
    """The mail server says 451 for a while."""
    LOSE = "lose"
    """The mail server takes mails and is gone before it says so."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    what: What
    whom: str = ""
    """A role or a service."""
    to: str = ""
    """The service that is cut off, or the command of SMTP that is answered."""
    seconds: float = 0.0
    """How long it lasts, while the next ones come."""
    pause: float = 0.0
    """Seconds to wait before, while messages flow."""
    many: int = 0


@dataclass(frozen=True)
class Form:
    """How much there must be."""

    name: str
    messages: int
    refusals: int
    kills: dict[str, int]
    """Role → how often."""
    crashes: dict[str, int]
    """Service → how often."""
    stops: tuple[str, ...]
    cuts: tuple[tuple[str, str], ...]
    partitions: tuple[tuple[str, str], ...]
    busy: float
    """Seconds of 451."""
    lost_answers: tuple[int, ...]
    patience: float
    """Seconds in which all must have drained at the end."""
    pace: float
    """Messages a second."""
    minutes: float
    """How long it may take in all after the set-up."""


SHORT = Form(
    name="short",
    messages=10_000,
    refusals=5,
    kills={"consumer": 1, "worker": 2, "sender": 2, "recorder": 1} | dict.fromkeys(SCHEDULER, 1),
    crashes={"redis": 1, "postgres": 1},
    stops=("worker",),
    cuts=(("consumer", "rabbitmq"),),
    partitions=(),
    busy=10,
    lost_answers=(),
    patience=120,
    pace=250,
    minutes=3,
)
LONG = Form(
    name="long",
    messages=100_000,
    refusals=50,
    kills={"consumer": 5, "worker": 6, "sender": 6, "recorder": 5} | dict.fromkeys(SCHEDULER, 3),
    crashes={"redis": 2, "postgres": 2, "rabbitmq": 2},
    stops=("worker", "sender"),
    cuts=(("consumer", "rabbitmq"), ("sender", "mail"), ("recorder", "postgres")),
    partitions=(("sender", "redis"), ("worker", "redis")),
    busy=30,
    lost_answers=(10, 10),
    patience=900,
    pace=300,
    minutes=60,
)
FORMS = {form.name: form for form in (SHORT, LONG)}


def plan(random: Random, form: Form) -> tuple[Fault, ...]:
    """Draw the order and the moments of all the faults of a form."""
    faults = [
        *(Fault(What.KILL, role) for role, times in form.kills.items() for _ in range(times)),
        *(Fault(What.CRASH, name) for name, times in form.crashes.items() for _ in range(times)),
        *(Fault(What.STOP, role, seconds=_longer(random)) for role in form.stops),
        *(Fault(What.CUT, role, to) for role, to in form.cuts),
        *(Fault(What.PARTITION, who, to, 2 * _longer(random)) for who, to in form.partitions),
        Fault(What.BUSY, "mail", random.choice(("MAIL", "RCPT", "DATA")), form.busy),
        *(Fault(What.LOSE, "mail", many=many) for many in form.lost_answers),
    ]
    random.shuffle(faults)
    return tuple(
        Fault(f.what, f.whom, f.to, f.seconds, round(random.uniform(0, 1.5), 2), f.many)
        for f in faults
    )


def portions(random: Random, messages: int, of: int) -> list[int]:
    """Deal messages into so many portions of random sizes, none of them small."""
    weights = [random.uniform(1, 3) for _ in range(of)]
    sizes = [int(messages * weight / sum(weights)) for weight in weights]
    sizes[-1] += messages - sum(sizes)
    return sizes


def short_of(form: Form, done: Sequence[Fault]) -> list[str]:
    """Return what a form must have and has not had, in words."""
    had = Counter((fault.what, fault.whom) for fault in done)
    wanted = Counter[tuple[What, str]]()
    wanted.update({(What.KILL, role): times for role, times in form.kills.items()})
    wanted.update({(What.CRASH, name): times for name, times in form.crashes.items()})
    wanted.update((What.STOP, role) for role in form.stops)
    wanted.update((What.CUT, role) for role, _ in form.cuts)
    wanted.update((What.PARTITION, role) for role, _ in form.partitions)
    wanted.update([(What.BUSY, "mail")])
    wanted.update((What.LOSE, "mail") for _ in form.lost_answers)
    return [
        f"{what} of {whom}: {had[what, whom]} of {times}"
        for (what, whom), times in wanted.items()
        if had[what, whom] < times
    ]


def _longer(random: Random) -> float:
    """Return seconds that are clearly longer than the lease."""
    return round(LEASE + random.uniform(2, 4), 1)
