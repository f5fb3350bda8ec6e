"""The worker: from the channels to the outbox."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog

from fmn.directory.snapshot import Directory
from fmn.emission import Emission, Handled, Outcome, State
from fmn.model import DestinationState, Message, Notification, Origin, key_of
from fmn.render.content import Rendering, Templates
from fmn.rules.match_set import Chosen, Raised
from fmn.rules.rule_set import RuleSet

Judge = Callable[[Message, Origin], Emission]

PART = 5_000
"""Notifications that are made at once and leave together; nearly every message has fewer."""

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


def judge(  # noqa: PLR0913  # what is judged, by what, and in what parts
    rules: Watched,
    directory: Directory,
    templates: Templates,
    message: Message,
    origin: Origin,
    *,
    part: int = PART,
) -> Emission:
    """Return what becomes of a message: whom to tell and what, whom not and why.

    So many notifications are a part of it; who is in it is settled with the first.
    """
    rule_set = rules.current
    message = directory.with_owners(message)
    matches = rule_set.match(message)
    _log_all(matches.raised)
    handled = Handled(message, datetime.now(UTC), rule_set.version, 0)
    return _next_of(matches.parts(part), part, templates.rendering(message, origin), handled)


def _next_of(
    parts: Iterator[list[Chosen]], size: int, rendering: Rendering, handled: Handled
) -> Emission:
    """Return the next part; `handled` tells how many notifications those before it had."""
    made = [notification(handled.message, chosen) for chosen in next(parts, [])]
    handled = replace(handled, notifications=handled.notifications + len(made))
    chunks = rendering.chunks(each for each in made if _is_wanted(each, handled.at))
    unwanted = (each for each in made if not _is_wanted(each, handled.at))
    suppressed = tuple(_suppressed(each, handled.at) for each in unwanted)
    if len(made) < size:
        return Emission(chunks, (handled, *suppressed))
    # More may follow: to know it, that would have to be made now.
    return Emission(chunks, suppressed, partial(_next_of, parts, size, rendering, handled))


def _is_wanted(notification: Notification, now: datetime) -> bool:
    return notification.destination.state_at(now) is DestinationState.ACTIVE


def _log_all(raised: Iterable[Raised]) -> None:
    for each in raised:
        rule, why = each.rule, repr(each.error)
        _log.error("a rule raised and was left out", rule=rule.id, user=rule.user, why=why)


def notification(message: Message, chosen: Chosen) -> Notification:
    """Return the notification of a message for a destination, naming all rules that chose it."""
    return Notification(key_of(message.id, chosen.destination.id), chosen.destination, chosen.rules)


def _suppressed(notification: Notification, now: datetime) -> Outcome:
    at = notification.destination
    rules = tuple(notification.rules)
    return Outcome(notification.key, at.kind, rules, State.SUPPRESSED, now, reason=str(at.state))
