"""The ledger: what came in must be somewhere. A residual that stays is a loss, or a count wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fmn.report.drawing import draw_table


@dataclass(frozen=True, slots=True)
class Messages:
    """Where the messages are that the consumers took."""

    taken: int = 0
    """From the bus into a channel."""
    handled: int = 0
    dead: int = 0
    waiting: int = 0
    """In a channel, or in a worker's hand."""
    lost: int = 0
    """Taken, and forgotten by a Redis that went back in time; in mode pubsub what nobody heard."""
    undecodable: int = 0
    """Counted before, and so no part of `taken`."""

    @property
    def residual(self) -> int:
        """What is taken and nowhere: 0 where all adds up."""
        return self.taken - self.handled - self.dead - self.waiting - self.lost

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name, and `residual`."""
        return asdict(self) | {"residual": self.residual}


@dataclass(frozen=True, slots=True)
class Notifications:
    """Where the notifications are that the workers made."""

    made: int = 0
    sent: int = 0
    in_doubt: int = 0
    suppressed: Mapping[str, int] = field(default_factory=dict)
    """Reason → how many."""
    failed: int = 0
    held: int = 0
    waiting: int = 0
    """In a lane, or in a sender's hand."""
    retrying: int = 0
    dead: int = 0

    @property
    def residual(self) -> int:
        """What is made and nowhere: 0 where all adds up."""
        done = self.sent + self.in_doubt + sum(self.suppressed.values()) + self.failed + self.dead
        return self.made - done - self.held - self.waiting - self.retrying

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name, and `residual`."""
        # asdict would make of a Counter a count of its pairs.
        plain = replace(self, suppressed=dict(self.suppressed))
        return asdict(plain) | {"residual": self.residual}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Messages and notifications, each a sum that must come out."""

    messages: Messages = Messages()
    notifications: Notifications = Notifications()
    durability: str = ""
    """What Redis promises of what it was given; empty where nobody asked."""
    unknown: Mapping[int, int] = field(default_factory=dict)
    """Format version → entries of it that were left waiting for a newer fmn."""

    @property
    def balanced(self) -> bool:
        """Nothing is missing, and nothing there that never came in."""
        return not self.messages.residual and not self.notifications.residual

    def as_json(self) -> dict[str, Any]:
        """Return the ledger for machines."""
        left = {str(version): count for version, count in self.unknown.items()}
        more = {"durability": self.durability, "unknown_versions": left}
        return {
            "messages": self.messages.as_json(),
            "notifications": self.notifications.as_json(),
        } | {name: said for name, said in more.items() if said}


def draw_ledger(ledger: Ledger) -> RenderableType:
    """Return the ledger for people: two sums, and whether they come out."""
    sums = ledger.as_json()
    promise = [Text(f"What Redis keeps: {ledger.durability}.")] if ledger.durability else []
    return Group(
        *_sum("messages", sums["messages"]),
        Text(),
        *_sum("notifications", sums["notifications"]),
        *(
            Text(f"Left for a newer fmn: {count:,} entries of format version {version}.")
            for version, count in sorted(ledger.unknown.items())
        ),
        *promise,
    )


def _sum(what: str, counts: dict[str, Any]) -> Iterator[RenderableType]:
    residual = counts.pop("residual")
    yield draw_table([what, "count"], list(_rows(counts)))
    yield Text(_verdict(what, residual))


def _rows(counts: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for name, count in counts.items():
        if isinstance(count, dict):
            yield name, sum(count.values())
            yield from ((f"  {reason}", count[reason]) for reason in sorted(count))
        else:
            yield name.replace("_", " "), count


def _verdict(what: str, residual: int) -> str:
    if not residual:
        return f"Residual 0: all {what} are accounted for."
    if residual > 0:
        return f"Residual {residual:,}: as many {what} came in and are nowhere."
    return f"Residual {residual:,}: more {what} are there than came in."
