"""The rule set of a worker, kept as the database says."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.errors import Unavailable
from fmn.rules.me import Groups
from fmn.rules.roster import Card
from fmn.rules.rule_set import RuleSet
from fmn.storage.cards import UserRules, cards
from fmn.storage.engine import reading
from fmn.storage.names import Names
from fmn.storage.preferences import changed_since, newest
from fmn.storage.rows import Kinds

POLL = 0.5
"""Seconds until the feed is asked without a nudge: a change is in force within a second."""

LONGEST = 8.0
"""Seconds between two tries while the database is away."""

log = structlog.get_logger()


class WatchedRules:
    """All users' rules; `current` is changed in place when somebody changes theirs.

    Whatever is put comes with its version in one turn of the event loop: whoever asks `current` in
    one turn is answered by the rules of that version.
    """

    current: RuleSet
    reachable = True
    """Whether the database answered the last time."""

    def __init__(self, engine: AsyncEngine, kinds: Kinds, groups: Groups) -> None:
        self._engine = engine
        self._kinds = kinds
        self._groups = groups
        self._names = Names()  # of those who have rules in `current`
        self._sealing: asyncio.Task[None] | None = None
        self.current = RuleSet(groups=groups)

    async def load(self) -> None:
        """Read all rules. Raises Unavailable: nobody may judge by no rules at all."""
        rules, names = RuleSet(groups=self._groups), Names()
        async with reading(self._engine) as connection:
            rules.version = await newest(connection)
            async with aclosing(cards(connection, self._kinds)) as everybody:
                async for user in everybody:
                    if user.plans:
                        rules.put(user.card, user.plans)
                        names.start(user.id, user.card.user)
        names.settle()
        await asyncio.to_thread(rules.seal())
        self.current, self._names = rules, names

    async def follow(self, nudged: Callable[[float], Awaitable[object]]) -> None:
        """Keep `current` current until cancelled.

        `nudged` returns after a nudge, or when so many seconds are over. While the database
        is away the rules stay as last read.
        """
        pause = POLL
        try:
            while True:
                await nudged(pause)
                pause = await self._try(pause)
        finally:
            if self._sealing:
                self._sealing.cancel()

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
            who, version = await changed_since(connection, self.current.version)
            if not who:
                return
            async with aclosing(cards(connection, self._kinds, who)) as found:
                changed = [user async for user in found]
        self._put(changed, version)
        if self.current.is_ripe and self._sealing is None:
            self._sealing = asyncio.create_task(self._seal())

    def _put(self, changed: Sequence[UserRules], version: int) -> None:
        # Names that are left come first: they may have been given to another of these by now.
        for user in changed:
            name = self._names.name(user.id)
            if name is not None and not (user.plans and name == user.card.user):
                self.current.put(Card(name, (), ()), ())
                self._names.put(user.id, None)
        for user in changed:
            if user.plans:
                self.current.put(user.card, user.plans)
                self._names.put(user.id, user.card.user)
        self.current.version = version

    async def _seal(self) -> None:
        try:
            await asyncio.to_thread(self.current.seal())
        except Exception as failed:  # rules are found all the same, only slower
            log.exception("rules could not be sealed", reason=repr(failed))
        finally:
            self._sealing = None
