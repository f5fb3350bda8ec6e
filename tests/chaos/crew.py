"""The processes of a site, each started by its own verb, and again when it ends."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmn.emission import Chunk
from fmn.model import split_key
from fmn.queues import keys
from fmn.queues.entries import unpack
from tests.chaos.oracle import Key
from tests.chaos.services import QUEUE, Services, patiently
from tests.peers import wait_until
from tests.peers.site import Site, environment

AGAIN = 0.3
"""Seconds before what has ended is started again."""
CHANNELS = 4
DRAIN = 75.0
"""Seconds a process may take to end."""

VERBS = {
    "consumer": ("consumer",),
    "worker": ("worker",),
    "sender": ("sender", "email"),
    "scheduler": ("scheduler",),
    "recorder": ("recorder",),
}
READS = {
    "worker": ("workers", keys.channel),
    "sender": ("senders", lambda k: keys.outbox(k, "email")),
    "scheduler": ("schedulers", lambda k: keys.outbox(k, "held")),
    "recorder": ("recorders", keys.log),
}
"""Role → the group it is in, and the stream it reads on each channel."""


@dataclass
class Member:
    """A process, whichever it is at the moment."""

    role: str
    site: Site
    log: Path
    running: "subprocess.Popen[bytes]" = field(init=False)
    busy: bool = False
    """Whether a fault has it in its hand."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "fmn", *VERBS[self.role], "--config"]
        with self.log.open("ab") as out:
            self.running = subprocess.Popen(
                [*command, str(self.site.config)],
                stdout=out,
                stderr=out,
                env=environment(),
                cwd=self.site.folder,
                start_new_session=True,
            )

    def told(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    @property
    def name(self) -> str:
        """How its name among the others begins."""
        process = ":".join(VERBS[self.role])
        return f"{process}@{socket.gethostname()}-{self.running.pid}-"


class Crew:
    """All members, and who looks after them."""

    def __init__(self, services: Services, sites: dict[str, Site], roles: Sequence[str]) -> None:
        self.services = services
        self.redis: Any = services.redis.client()
        self.ended: list[tuple[str, int]] = []
        """Role and code of what ended by itself."""
        self.members = [
            Member(role, sites[role], sites[role].folder / f"{role}-{i}.log")
            for i, role in enumerate(roles)
        ]
        self._killed: set[int] = set()
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_after, name="crew", daemon=True)
        self._looking.start()

    def kill(self, member: Member) -> None:
        self._killed.add(member.running.pid)
        member.told(signal.SIGKILL)

    def alive(self, member: Member) -> bool:
        """Whether it has joined the others and signs."""
        signs = patiently(lambda: self.redis.zrange(keys.alive(0), 0, -1))
        return any(name.decode().startswith(member.name) for name in signs)

    def joined(self) -> bool:
        """Whether all are at work."""
        return all(self.alive(member) for member in self.members)

    def in_hand(self, member: Member) -> int:
        """Return how many entries a process has in hand."""
        if member.role == "consumer":
            return self.on_bus("messages_unacknowledged")
        group, stream = READS[member.role]
        return sum(
            int(consumer["pending"])
            for k in range(CHANNELS)
            for consumer in self._consumers(stream(k), group)
            if consumer["name"].decode().startswith(member.name)
        )

    def notifications(self, member: Member | None = None) -> set[Key]:
        """Return what a sender has in hand, or all of them together."""
        group, stream = READS["sender"]
        return {
            key
            for k in range(CHANNELS)
            for consumer in self._consumers(stream(k), group)
            if member is None or consumer["name"].decode().startswith(member.name)
            for key in self._held(stream(k), group, consumer["name"])
        }

    def end(self) -> None:
        """Let everybody drain and end."""
        self._over.set()
        self._looking.join()
        for member in self.members:
            member.told(signal.SIGCONT)
            member.told(signal.SIGTERM)
        end = time.monotonic() + DRAIN
        for member in self.members:
            try:
                code = member.running.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                code = -signal.SIGKILL
                member.running.kill()
                member.running.wait()
            if code:
                self.ended.append((member.role, code))
        self.redis.close()

    def on_bus(self, which: str = "messages") -> int:
        """Return how many messages the bus has for us, all or `messages_unacknowledged`."""
        said = self.services.rabbitmq.control("--quiet", "list_queues", "name", which)
        figures = dict(line.split() for line in said.splitlines() if line.startswith(QUEUE))
        return int(figures.get(QUEUE, 0))

    def _consumers(self, stream: str, group: str) -> list[dict[str, Any]]:
        def ask() -> list[dict[str, Any]]:
            known = self.redis.exists(stream) and self.redis.xinfo_groups(stream)
            if not known or group.encode() not in {one["name"] for one in known}:
                return []
            found: list[dict[str, Any]] = self.redis.xinfo_consumers(stream, group)
            return found

        return patiently(ask)

    def _held(self, stream: str, group: str, consumer: bytes) -> Iterator[Key]:
        def ask() -> list[dict[bytes, bytes]]:
            pending = self.redis.xpending_range(stream, group, "-", "+", 10_000, consumer)
            ids = [one["message_id"] for one in pending]
            return [flat for at in ids for _, flat in self.redis.xrange(stream, at, at)]

        for flat in patiently(ask):
            for recipient in unpack(flat[b"d"], Chunk).recipients:
                yield from ((split_key(key)[0], recipient.address) for key in recipient.keys)

    def _look_after(self) -> None:
        while not self._over.wait(AGAIN):
            for member in self.members:
                code = member.running.poll()
                if code is None:
                    continue
                if member.running.pid not in self._killed:
                    self.ended.append((member.role, code))
                member.start()


@contextmanager
def crew(services: Services, folder: Path, roles: Sequence[str]) -> Iterator[Crew]:
    """Run a process for each of these roles until the block ends."""
    sites = {role: site_of(services, folder, role) for role in dict.fromkeys(roles)}
    running = Crew(services, sites, roles)
    try:
        wait_until(running.joined, "all processes to join the others")
        yield running
    finally:
        running.end()


def site_of(services: Services, folder: Path, role: str) -> Site:
    """Return the site as a role sees it."""
    at = folder / role
    at.mkdir(exist_ok=True)
    return Site(at, services.settings(role))
