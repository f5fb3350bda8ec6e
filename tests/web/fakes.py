"""Stand-ins for what the pages talk to outside this process: they remember what was said."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fmn.errors import Unavailable
from fmn.model import Message, Notification


class FakeQueues:
    """Queues that note everything and allow everything, unless a test says otherwise."""

    def __init__(self) -> None:
        self.nudges: list[int] = []
        self.told: list[tuple[Message, Notification]] = []
        self.purged: list[frozenset[str]] = []
        self.uses: list[tuple[str, str]] = []
        """What was counted against a limit, and whose it was."""
        self.refused: set[str] = set()
        """Uses that are not allowed any more."""
        self.away = False
        """Whether everything raises Unavailable."""
        self.load_says: Mapping[str, Any] = {"channels": [], "workers": [], "lanes": []}
        self.ledger_says: Mapping[str, Any] = {}
        self.dead: list[Mapping[str, Any]] = []
        self.alive: list[tuple[str, float]] = []

    async def nudge(self, version: int) -> None:
        self._asked()
        self.nudges.append(version)

    async def tell(self, message: Message, notification: Notification) -> None:
        self._asked()
        self.told.append((message, notification))

    async def purge(self, destinations: frozenset[str]) -> int:
        self._asked()
        self.purged.append(destinations)
        return len(destinations)

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        self._asked()
        self.uses.append((what, who))
        return what not in self.refused

    async def load(self) -> Mapping[str, Any]:
        self._asked()
        return self.load_says

    async def ledger(self) -> Mapping[str, Any]:
        self._asked()
        return self.ledger_says

    async def dead_letters(self) -> list[Mapping[str, Any]]:
        self._asked()
        return self.dead

    async def processes(self) -> list[tuple[str, float]]:
        self._asked()
        return self.alive

    def _asked(self) -> None:
        if self.away:
            raise Unavailable("Redis", "a test took it away")
