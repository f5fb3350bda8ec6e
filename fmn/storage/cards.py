"""Everybody's rules as a rule set takes them, streamed as plain rows.

A million users as values would be gigabytes. So four selects, each by user, are read side by side;
of each a few rows are in hand, and of one user at a time there is a card.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Row, Select, select, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult

from fmn.model import DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.plans import Plans
from fmn.rules.plan import Plan
from fmn.rules.roster import Card, Named, Place
from fmn.storage import tables
from fmn.storage.rows import Columns, Kinds, readable
from fmn.storage.statements import among

ROWS = 500
"""Rows of each select in hand. The event loop has a turn whenever the next ones are fetched."""

PlanOf = Callable[[str], Plan]


class UserRules(NamedTuple):
    """One user, as a rule set takes them."""

    id: UserId
    card: Card
    plans: tuple[Plan, ...]
    """One for each rule on the card."""


async def cards(
    connection: AsyncConnection, kinds: Kinds, users: Collection[UserId] | None = None
) -> AsyncGenerator[UserRules, None]:
    """Yield everybody, or those of these users who exist, by id; a deleted account has no rules.

    Rules that can match nothing are left out. So is a rule or a destination that cannot be read,
    with a log line. Whoever stops early must close it.
    """
    plan = Plans(kinds).plan
    async with AsyncExitStack() as stack:
        everybody, *theirs = [
            await stack.enter_async_context(
                connection.stream(each, execution_options={"yield_per": ROWS})
            )
            for each in _selects(connection, users)
        ]
        heard, judged, links = map(_ByUser, theirs)
        async for some in everybody.partitions():
            for user in some:
                rows = [await each.of(user.id) for each in (heard, judged, links)]
                yield _rules_of(user, *rows, plan=plan)


class _ByUser:
    """Rows of one select, which come in the order in which users are asked for."""

    def __init__(self, result: AsyncResult[Any]) -> None:
        self._result = result
        self._part: Sequence[Row[Any]] = ()
        self._at = 0
        self._over = False

    async def of(self, user: UserId) -> list[Row[Any]]:
        """Return the rows of a user."""
        found = self._taken(user)
        while self._at == len(self._part) and not self._over:
            self._part, self._at = await self._result.fetchmany(ROWS), 0
            self._over = not self._part
            found += self._taken(user)
        return found

    def _taken(self, user: UserId) -> list[Row[Any]]:
        start = self._at
        while self._at < len(self._part) and self._part[self._at].user_id == user:
            self._at += 1
        return list(self._part[start : self._at])


def _selects(
    connection: AsyncConnection, users: Collection[UserId] | None
) -> tuple[Select[Any], ...]:
    """Return selects of users, destinations, rules, and links of rules with destinations."""

    def among_them(column: Column[Any]) -> ColumnElement[bool]:
        return true() if users is None else among(connection, column, sorted(users))

    user, to, rule = tables.users.c, tables.destinations.c, tables.rules.c
    link = tables.rule_destinations
    able = (among_them(rule.user_id), rule.deleted.is_(None), rule.enabled, rule.blocked == "")
    schedule = (to.digest, to.quiet)
    return (
        select(user.id, user.name).where(among_them(user.id)).order_by(user.id),
        select(to.user_id, to.id, to.name, to.kind, to.address)
        .add_columns(to.state, to.reason, to.until, *schedule)
        .where(among_them(to.user_id), to.deleted.is_(None))
        .order_by(to.user_id, to.position, to.id),
        select(rule.user_id, rule.id, rule.name, rule.filters, rule.everything)
        .where(*able)
        .order_by(rule.user_id, rule.position, rule.id),
        select(rule.user_id, link.c.rule_id, link.c.destination_id)
        .select_from(tables.rules.join(link))
        .where(*able)
        .order_by(rule.user_id, link.c.position, link.c.destination_id),
    )


def _rules_of(
    user: Row[Any],
    heard: Iterable[Columns],
    judged: Iterable[Columns],
    links: Iterable[Columns],
    *,
    plan: PlanOf,
) -> UserRules:
    places = [place for _, place in readable(heard, _place)]
    tells = _tells(links, places)
    able = [
        (row, found)
        for row, found in readable(judged, lambda row: plan(row.filters))
        if row.everything or not found.is_everything
    ]
    named = (Named(row.id, row.name, tuple(tells[row.id])) for row, _ in able)
    card = Card(user.name, tuple(places), tuple(named))
    return UserRules(user.id, card, tuple(found for _, found in able))


def _place(row: Columns) -> Place:
    state = (DestinationState(row.state), row.reason, row.until)
    return Place(row.id, row.name, row.kind, row.address, *state, row.digest, row.quiet)


def _tells(links: Iterable[Columns], places: Iterable[Place]) -> defaultdict[RuleId, list[int]]:
    at: dict[DestinationId, int] = {place.id: number for number, place in enumerate(places)}
    tells: defaultdict[RuleId, list[int]] = defaultdict(list)
    for link in links:
        if link.destination_id in at:
            tells[link.rule_id].append(at[link.destination_id])
    return tells
