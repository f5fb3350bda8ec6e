"""What the pages and the API are made of: handed over by the composition root, never changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from fmn.config import Web
from fmn.directory.snapshot import Directory
from fmn.kinds import Kind
from fmn.links import Links
from fmn.model import Destination, Message, Notification
from fmn.preferences.defaults import Defaults
from fmn.rules.filter import Filter
from fmn.storage.engine import Engine
from fmn.web.destinations.addresses import masked

NOT_OFFERED = "nothing is sent to addresses of this kind any more"


class Queues(Protocol):
    """What the pages ask of the queues; each raises Unavailable."""

    async def nudge(self, version: int) -> None:
        """Tell the workers that preferences changed."""

    async def tell(self, message: Message, notification: Notification) -> None:
        """Put one notification with no message behind it into the outbox: a test, say."""

    async def purge(self, destinations: frozenset[str]) -> int:
        """Take everything for these destinations out of the queues; return how many went."""

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        """Count one use of `what` by `who`; tell whether it stays within so many in that time."""

    async def load(self) -> Mapping[str, Any]:
        """Return the load distribution, in the contract's form of `fmn report --json`."""

    async def ledger(self) -> Mapping[str, Any]:
        """Return the ledger, in the form of `fmn ledger --json`."""

    async def dead_letters(self) -> list[Mapping[str, Any]]:
        """Return the dead letters, as `fmn dead list` does."""

    async def replay(self, letter: str) -> bool:
        """Put what a dead letter held back into its queue; tell whether it was still there.

        Raises InputError where it cannot be replayed.
        """

    async def drop(self, letter: str) -> bool:
        """Throw a dead letter away; tell whether it was still there."""

    async def processes(self) -> list[tuple[str, float]]:
        """Return each process that signs, and seconds since its last sign of life."""


@dataclass(frozen=True)
class Parts:
    """Everything a page may need."""

    settings: Web
    engine: Engine
    filters: Mapping[str, type[Filter]]
    """Filter kind → class."""
    kinds: Mapping[str, Kind]
    """Sender kinds that people may choose."""
    directory: Directory
    queues: Queues
    links: Links
    defaults: Defaults
    push_key: str = ""
    """Public key of Web Push, base64url: what a browser subscribes with; empty without push."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def secure(self) -> bool:
        """Tell whether people come by https, so that cookies may never go another way."""
        return self.settings.url.startswith("https://")

    def silence(self, kind: str) -> str | None:
        """Return why nothing can be sent to addresses of this kind now; None where it can."""
        known = self.kinds.get(kind)
        if known is None:
            return NOT_OFFERED
        lacks = known.lacks
        return f"nothing can be sent to addresses of this kind now: {lacks}" if lacks else None

    def shown(self, destination: Destination) -> str:
        """Return its address as its owner may see it: nothing secret is in that."""
        kind = self.kinds.get(destination.kind)
        return kind.shown(destination.address) if kind else masked(destination.address)
