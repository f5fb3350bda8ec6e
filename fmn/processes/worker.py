"""The worker: from the channels to the outbox."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog

from fmn.directory.snapshot import Directory
from fmn.emission import Emission, Handled, Outcome, State
from fmn.model import DestinationState, Message, Notification, Origin, key_of
from fmn.render.content import Templates
from fmn.rules.match_set import MatchSet
from fmn.rules.rule_set import RuleSet

Judge = Callable[[Message, Origin], Emission]

_log = structlog.get_logger()


class Watched(Protocol):
    """Rules that follow the changes of preferences."""

    @property
    def current(self) -> RuleSet: ...


class Gives(Protocol):
    """What messages come from: the channels of either mode."""

    def each(self, judge: Judge, stop: asyncio.Event, /) -> Awaitable[None]: ...


async def work(
    channels: Gives,
    rules: Watched,
    directory: Directory,
    templates: Templates,
    *,
    stop: asyncio.Event,
) -> None:
    """Match and render what comes through the channels."""
    await channels.each(partial(judge, rules, directory, templates), stop)


def judge(
    rules: Watched, directory: Directory, templates: Templates, message: Message, origin: Origin
) -> Emission:
    """Return all that becomes of a message: whom to tell and what, whom not and why."""
    rule_set = rules.current
    message = directory.with_owners(message)
    made = notifications(message, rule_set.match(message))
    now = datetime.now(UTC)
    wanted = [n for n in made if n.destination.state_at(now) is DestinationState.ACTIVE]
    unwanted = [n for n in made if n.destination.state_at(now) is not DestinationState.ACTIVE]
    handled = Handled(message, now, rule_set.version, len(made))
    suppressed = (_suppressed(n, now) for n in unwanted)
    return Emission(templates.render(message, wanted, origin), (handled, *suppressed))


def notifications(message: Message, matches: MatchSet) -> list[Notification]:
    """Return a notification for each destination, naming all the rules that chose it."""
    for raised in matches.raised:
        rule, why = raised.rule, repr(raised.error)
        _log.error("a rule raised and was left out", rule=rule.id, user=rule.user, why=why)
    return [
        Notification(key_of(message.id, chosen.destination.id), chosen.destination, chosen.rules)
        for chosen in matches.destinations
    ]


def _suppressed(notification: Notification, now: datetime) -> Outcome:
    at = notification.destination
    rules = tuple(notification.rules)
    return Outcome(notification.key, at.kind, rules, State.SUPPRESSED, now, reason=str(at.state))
