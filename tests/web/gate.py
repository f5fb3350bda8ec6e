"""A filter that waits at a gate until a test opens it: to see who is kept waiting meanwhile."""

import threading

from fmn.model import Message
from fmn.rules.filter import Filter
from fmn.rules.me import Me

PATIENCE = 5
"""Seconds after which whoever waits goes on, so that a test that fails also ends."""


class Gate:
    """Lets nobody pass before it is opened."""

    def __init__(self) -> None:
        self.inside = 0
        """How many wait now."""
        self.most = 0
        """How many waited at once at most."""
        self.was_shut = False
        """Whether somebody went on because nobody opened it in time."""
        self._lock = threading.Lock()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let everybody pass from now on."""
        self._opened.set()

    def wait(self) -> None:
        """Wait, in a thread, until it is open."""
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        opened = self._opened.wait(PATIENCE)
        with self._lock:
            self.inside -= 1
            self.was_shut |= not opened


def filter_at(gate: Gate) -> type[Filter]:
    """Return a filter of the kind `gate`, which matches once the gate is open."""

    class AtGate(Filter):
        """It waits."""

        def matches(self, message: Message, me: Me) -> bool:  # as every filter
            gate.wait()
            return True

        def deciding(self, message: Message, me: Me) -> tuple[str, ...]:  # as above
            return ()

        def clause(self) -> tuple[str, str]:
            return "waits", "does not wait"

    return AtGate
