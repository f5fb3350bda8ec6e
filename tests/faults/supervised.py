"""Processes that are started again when they die, as systemd would."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.watching import Group, pending
from tests.peers import wait_until
from tests.peers.site import Site, environment


@dataclass
class Supervised:
    """One place that a process is kept running in."""

    site: Site
    verb: Sequence[str]
    place: int = 0
    deaths: list[int] = field(default_factory=list)
    """With what it ended, each time it was not told to."""
    running: subprocess.Popen[bytes] | None = None
    _over: bool = False

    @property
    def log(self) -> Path:
        """What all of them said."""
        return self.site.folder / f"supervised-{'-'.join(self.verb)}-{self.place}.log"

    def keep_running(self) -> None:
        with self.log.open("ab") as out:
            while not self._over:
                self.running = subprocess.Popen(
                    self.site._command(self.verb),
                    stdout=out,
                    stderr=out,
                    env=environment(),
                    cwd=self.site.folder,
                )
                code = self.running.wait()
                if not self._over:
                    self.deaths.append(code)

    @property
    def names(self) -> list[str]:
        """What each of them was called at the queues, so far."""
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        joined = [json.loads(line) for line in lines if b'"Redis is there"' in line]
        return [said["process"] for said in joined]

    @property
    def is_up(self) -> bool:
        """Whether the one that runs now has joined the others."""
        return len(self.names) > len(self.deaths)

    def end(self) -> None:
        """Tell it to stop, and start it no more."""
        self._over = True
        if self.running:
            self.running.send_signal(signal.SIGTERM)

    def killed(self, redis: Any, group: Group) -> int:
        """Kill it, and return how many entries it had in hand; it is started again."""
        before = len(self.deaths)
        assert self.running
        self.running.send_signal(signal.SIGSTOP)
        held = len(pending(redis, group, self.names[-1]))
        self.running.kill()
        wait_until(lambda: len(self.deaths) > before, "its end")
        return held


@contextmanager
def supervised(site: Site, *verb: str, places: int) -> Iterator[list[Supervised]]:
    """Keep so many processes running until the block ends; then each drains and ends with 0."""
    kept = [Supervised(site, verb, place) for place in range(places)]
    threads = [threading.Thread(target=one.keep_running) for one in kept]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(one.is_up for one in kept), f"{verb} at the queues")
        yield kept
        wait_until(lambda: all(one.is_up for one in kept), f"{verb} at the queues again")
        _end(kept, threads)
        assert [one.running and one.running.returncode for one in kept] == [0] * places
    finally:
        _end(kept, threads)


def _end(kept: Sequence[Supervised], threads: Sequence[threading.Thread]) -> None:
    for one in kept:
        with suppress(ProcessLookupError):
            one.end()
    for thread in threads:
        thread.join(75)
