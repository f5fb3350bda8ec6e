"""The rule set of a worker, kept as the database says."""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.errors import Unavailable
from fmn.model import UserId
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.me import Groups
from fmn.rules.rule_set import RuleSet
from fmn.storage.engine import reading
from fmn.storage.preferences import changed_since, load_all, load_users, newest
from fmn.storage.rows import Kinds

POLL = 0.5
"""Seconds until the feed is asked without a nudge: a change is in force within a second."""

LONGEST = 8.0
"""Seconds between two tries while the database is away."""

log = structlog.get_logger()


class WatchedRules:
    """All users' rules; `current` is replaced as a whole when somebody changes theirs."""

    current: RuleSet
    reachable = True
    """Whether the database answered the last time."""

    def __init__(self, engine: AsyncEngine, kinds: Kinds, groups: Groups) -> None:
        self._engine = engine
        self._kinds = kinds
        self._groups = groups
        self._everybody: dict[UserId, Preferences] = {}
        self._replace([], version=0)

    async def load(self) -> None:
        """Read all rules. Raises Unavailable: nobody may judge by no rules at all."""
        async with reading(self._engine) as connection:
            version = await newest(connection)
            everybody = await load_all(connection, self._kinds)
        self._replace(everybody, version=version)

    async def follow(self, nudged: Callable[[float], Awaitable[object]]) -> None:
        """Keep `current` current until cancelled.

        `nudged` returns after a nudge, or when so many seconds are over. While the database
        is away the rules stay as last read.
        """
        pause = POLL
        while True:
            await nudged(pause)
            pause = await self._try(pause)

    async def _try(self, pause: float) -> float:
        """Catch up; return how long to pause then."""
        try:
            await self._catch_up()
        except Unavailable as failed:
            if self.reachable:
                log.warning("rules stay as last read", reason=str(failed))
            self.reachable = False
            return min(pause * 2, LONGEST)
        if not self.reachable:
            log.info("rules are read again", version=self.current.version)
        self.reachable = True
        return POLL

    async def _catch_up(self) -> None:
        async with reading(self._engine) as connection:
            changed, version = await changed_since(connection, self.current.version)
            found = await load_users(connection, changed, self._kinds)
        if changed:
            self._replace(found, version=version)

    def _replace(self, changed: Iterable[Preferences], *, version: int) -> None:
        self._everybody |= {each.id: each for each in changed}
        users = self._everybody.values()
        self.current = rule_set(users, version=version, groups=self._groups)
