"""The faults, done: each notes when it came and what was in hand."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from tests.chaos.crew import Crew, Member
from tests.chaos.oracle import Key
from tests.chaos.plan import Fault, What
from tests.chaos.site import wait_for
from tests.peers.proxy import Flow as Passing

LOOK = 20.0
"""Seconds to look for a process with something in hand."""
JOINING = 60.0
"""Seconds a process may take to join the others."""
ROBBED = 30.0
"""Seconds until somebody else must have taken what a stopped process has in hand."""
LATER = "451 4.3.2 come back later"


@dataclass
class Done:
    """What came of a fault."""

    fault: Fault
    at: float
    """Seconds after the first message."""
    counts: bool = True
    """Whether it hit what it was meant to hit."""
    in_hand: int | None = None
    """Entries, or for a service the notifications with senders."""
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.fault), "at": round(self.at, 2)} | {
            "counts": self.counts,
            "in_hand": self.in_hand,
            "words": self.words,
        }

    def __str__(self) -> str:
        fault = self.fault
        held = "" if self.in_hand is None else f", {self.in_hand} in hand"
        to = f" to {fault.to}" if fault.to else ""
        lasts = f" for {fault.seconds:g} s" if fault.seconds else ""
        other = "" if self.counts else ", does not count"
        words = f": {self.words}" if self.words else ""
        return f"{self.at:6.1f} s  {fault.what} {fault.whom}{to}{lasts}{held}{other}{words}"


@dataclass
class Faults:
    """Who does them."""

    crew: Crew
    random: Random
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    done: list[Done] = field(default_factory=list)
    in_doubt: set[Key] = field(default_factory=set)
    """What senders had in hand when something happened to them."""
    _lasting: list[Future[None]] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))
    _choosing: threading.Lock = field(default_factory=threading.Lock)

    def do(self, fault: Fault) -> Done:
        """Do it; what lasts goes on while the next ones come."""
        act = {
            What.KILL: self._kill,
            What.STOP: self._stop,
            What.CRASH: self._crash,
            What.CUT: self._cut,
            What.PARTITION: self._partition,
            What.BUSY: self._busy,
            What.LOSE: self._lose,
        }[fault.what]
        done = Done(fault, time.monotonic() - self.started)
        act(fault, done)
        self.done.append(done)
        self.say(str(done))
        return done

    def wait(self) -> None:
        """Wait until nothing lasts any more."""
        for lasting in self._lasting:
            lasting.result()

    def close(self) -> None:
        """Wait no longer than what lasts does."""
        self._pool.shutdown()

    def _kill(self, fault: Fault, done: Done) -> None:
        member = self._caught(fault.whom, done)
        if done.counts:
            self.crew.kill(member)
        member.busy = False

    def _stop(self, fault: Fault, done: Done) -> None:
        member = self._caught(fault.whom, done)

        def wake() -> None:
            # Until it was robbed: whoever comes back itself must first know who is dead.
            asleep = time.monotonic()
            time.sleep(fault.seconds)
            robbed = wait_for(lambda: not self.crew.in_hand(member), ROBBED)
            slept = time.monotonic() - asleep
            done.words = f"robbed, woken after {slept:.1f} s" if robbed else "never robbed"
            done.counts = robbed
            member.told(signal.SIGCONT)
            member.busy = False

        if done.counts:
            self._lasts(wake)
        else:
            member.busy = False

    def _caught(self, role: str, done: Done) -> Member:
        """Return a process of this role, stopped; seen to have something in hand, or it counts not.

        One that is looked at and has nothing goes on.
        """
        end = time.monotonic() + LOOK
        member = self._chosen(role)
        while True:
            member.told(signal.SIGSTOP)
            done.in_hand = self.crew.in_hand(member)
            if done.in_hand:
                if role == "sender":
                    self.in_doubt |= self.crew.notifications(member)
                return member
            member.told(signal.SIGCONT)
            if time.monotonic() > end:
                done.counts = False
                return member
            time.sleep(self.random.uniform(0, 0.05))

    def _chosen(self, role: str) -> Member:
        """Return one that is at work and that no other fault has in its hand."""
        end = time.monotonic() + JOINING
        while time.monotonic() < end:
            for member in self.random.sample(self.crew.members, len(self.crew.members)):
                if member.role == role and not member.busy and self.crew.alive(member):
                    with self._choosing:
                        member.busy = True
                    return member
            time.sleep(0.05)
        raise TimeoutError(f"no {role} joined the others in {JOINING:.0f} s")

    def _crash(self, fault: Fault, done: Done) -> None:
        end = time.monotonic() + LOOK
        while not (at_work := self._at_work()) and time.monotonic() < end:
            time.sleep(0.01)
        done.in_hand, done.counts = at_work, at_work > 0
        self.crew.services.crash(fault.whom)

    def _cut(self, fault: Fault, done: Done) -> None:
        link = self.crew.services.links[fault.whom, fault.to]
        with self._still(fault.whom):
            done.in_hand = self._at_work()
            done.words = f"{link.cut()} connections"

    def _partition(self, fault: Fault, done: Done) -> None:
        link = self.crew.services.links[fault.whom, fault.to]
        with self._still(fault.whom):
            done.in_hand = self._at_work()
            link.become(Passing.NOTHING)

        def heal() -> None:
            time.sleep(fault.seconds)
            link.become(Passing.ALL)

        self._lasts(heal)

    def _busy(self, fault: Fault, done: Done) -> None:
        mail = self.crew.services.mail
        mail.tell(busy={fault.to: LATER})

        def ready() -> None:
            time.sleep(fault.seconds)
            mail.tell(busy={})

        self._lasts(ready)

    def _lose(self, fault: Fault, done: Done) -> None:
        self.crew.services.mail.tell(lose=fault.many)
        done.in_hand = self._at_work()
        done.words = f"the next {fault.many} answers"

    def _at_work(self) -> int:
        """Return how many entries all processes but the consumer have in hand."""
        at_work = (member for member in self.crew.members if member.role != "consumer")
        return sum(self.crew.in_hand(member) for member in at_work)

    def _lasts(self, act: Callable[[], None]) -> None:
        self._lasting.append(self._pool.submit(act))

    def _still(self, role: str) -> "_Still":
        return _Still(self, [one for one in self.crew.members if one.role == role and not one.busy])


@dataclass
class _Still:
    """Processes held still while something happens to their links, so that what they have in hand
    then is known."""

    faults: Faults
    members: list[Member]

    def __enter__(self) -> None:
        for member in self.members:
            member.told(signal.SIGSTOP)
        for member in self.members:
            if member.role == "sender":
                self.faults.in_doubt |= self.faults.crew.notifications(member)

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.told(signal.SIGCONT)
