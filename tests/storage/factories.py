"""Values for the tests: complete, valid, and different where the test says so."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import LogLine
from fmn.model import Destination, DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.filters.severity import Severity
from fmn.rules.filters.topic import Topic
from fmn.rules.rule import Rule
from fmn.storage.engine import reading, writing
from fmn.storage.history import record
from fmn.storage.preferences import load_user, save

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
KINDS: Mapping[str, type[Filter]] = {"topic": Topic, "severity": Severity}


def a_destination(name: str = "email", *, user: str = "alice") -> Destination:
    return Destination(
        id=DestinationId(f"{user}-{name}"),
        user=user,
        name=name,
        kind="email",
        address=f"{user}+{name}@example.org",
        state=DestinationState.ACTIVE,
    )


def a_rule(name: str, *destinations: Destination, user: str = "alice") -> Rule:
    return Rule(
        id=RuleId(f"{user}-{name}"),
        user=user,
        name=name,
        filters=(Topic(patterns=("*.bodhi.*",)), Severity(at_least="warning", negate=True)),
        destinations=destinations or (a_destination(user=user),),
    )


def some_preferences(user: str = "alice", *rules: Rule) -> Preferences:
    """Return a user with one destination and these rules, else with one."""
    return Preferences(
        id=UserId(f"id-of-{user}"),
        user=user,
        groups=(),
        destinations=(a_destination(user=user),),
        rules=rules or (a_rule("updates", user=user),),
    )


async def saved(engine: AsyncEngine, preferences: Preferences) -> int:
    """Save in a transaction of its own."""
    async with writing(engine) as connection:
        return await save(connection, preferences, by=preferences.user)


async def loaded(engine: AsyncEngine, user: str = "alice") -> Preferences | None:
    async with reading(engine) as connection:
        return await load_user(connection, user, KINDS)


async def recorded(engine: AsyncEngine, *lines: LogLine) -> None:
    async with writing(engine) as connection:
        await record(connection, lines)


async def eventually(true: Callable[[], object], *, within: float = 10) -> None:
    """Return when the condition holds; raise TimeoutError when it does not in time."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110  # what it waits for is in a database
            await asyncio.sleep(0.01)
