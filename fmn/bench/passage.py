"""Messages through the whole road at once, in one process as `fmn up` does it.

A file of messages, the consumer, the real judge with one rule and the real templates, the sender's
lane with its claims, to a sender that has nobody to talk to, and the log as the recorder reads it,
without its SQL: so what is measured is the queues, and the work around them.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fmn.bus.bus import Bus, open_bus
from fmn.config import Bus as BusSettings
from fmn.config import Queues, Retry
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.emission import Content, LogLine, Outcome, Recipient, State
from fmn.errors import Unavailable
from fmn.model import Destination, DestinationId, DestinationState, RuleId
from fmn.processes.consumer import consume
from fmn.processes.worker import work
from fmn.queues.channels import Channels
from fmn.queues.claims import Claims
from fmn.queues.connection import Connection, connect
from fmn.queues.intake import Intake
from fmn.queues.life import Life
from fmn.queues.log import Log
from fmn.queues.marks import CONSUMERS, WORKERS, Marks, Room
from fmn.queues.outbox import Lane
from fmn.render.content import Templates
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet

AT_ONCE = 10
"""Sends, as many as mails by default."""
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that nobody changes."""

    current: RuleSet


@dataclass(frozen=True, slots=True)
class Passage:
    """The processes of the road, put together."""

    bus: Bus
    intake: Intake
    room: Room
    """Whether the consumer may go on."""
    channels: Channels
    lane: Lane
    log: Log

    async def through(self, messages: int) -> None:
        """Return when what became of the last message was read, and all have stopped."""
        stop, states = asyncio.Event(), list[State]()

        async def record(lines: Sequence[LogLine]) -> None:
            states.extend(line.state for line in lines if isinstance(line, Outcome))
            if len(states) >= messages:
                stop.set()

        nobody, rules, templates = Fixed(Snapshot()), Rules(_one_rule()), Templates()
        async with asyncio.TaskGroup() as group:
            group.create_task(consume(self.bus, self.intake, self.room, stop))
            group.create_task(work(self.channels, rules, nobody, templates, stop=stop))
            group.create_task(self.lane.each(_taken, stop, at_once=AT_ONCE))
            group.create_task(self.log.each(record, stop))
        if states != [State.SENT] * messages:
            raise Unavailable("the road", f"not every mail was sent, once: {set(states)}")


async def messages_per_second(url: str, file: Path, messages: int, run: str) -> float:
    """Return how many messages a second went all the way: a mail and two lines of the log each.

    `run` makes their ids, which are claimed for a day, new ones.
    """
    lines = [_line(f"{run}-{number}") for number in range(messages)]
    await asyncio.to_thread(file.write_text, "".join(lines))
    async with _joined(url, file) as passage, asyncio.timeout(PATIENCE):
        began = time.perf_counter()
        await passage.through(messages)
        return messages / (time.perf_counter() - began)


@asynccontextmanager
async def _joined(url: str, file: Path) -> AsyncIterator[Passage]:
    """Put the road together: each process has a connection and signs of life of its own."""
    queues = Queues()
    settings = BusSettings(kind="file", path=str(file))
    async with (
        open_bus(settings, lambda *_: None) as bus,
        _member(url, "consumer") as consumer,
        _member(url, "worker") as worker,
        _member(url, "sender:email") as sender,
        _member(url, "recorder") as recorder,
    ):
        claims = Claims(*sender, lifetime=queues.claims)
        yield Passage(
            bus,
            Intake(*consumer),
            Marks(*consumer, queues, share=CONSUMERS).room,
            Channels(*worker, batch=queues.batch, room=Marks(*worker, queues, share=WORKERS).room),
            Lane(*sender, "email", claims=claims, retry=Retry()),
            Log(*recorder, batch=queues.batch),
        )


@asynccontextmanager
async def _member(url: str, process: str) -> AsyncIterator[tuple[Connection, Life]]:
    async with connect(url) as connection:
        with Life(url, process, channels=Queues().channels) as life:
            yield connection, life


async def _taken(content: Content, recipient: Recipient) -> None:
    """Send nothing anywhere."""


def _one_rule() -> RuleSet:
    to = Destination(
        DestinationId("d"), "alice", "mail", "email", "alice@example.org", DestinationState.ACTIVE
    )
    rule = Rule(RuleId("r"), "alice", "Everything", (), (to,), everything=True)
    return RuleSet((rule,))


def _line(name: str) -> str:
    said = {
        "id": name,
        "topic": "org.example.build.done",
        "app": "koji",
        "summary": "Build FAILED: alice's teapotd-0.9.2-4.fc45",
        "text": "A line of a long text.\n" * 20,
        "body": {"task": name, "log": ["a line of a body"] * 20},
    }
    return json.dumps(said) + "\n"
