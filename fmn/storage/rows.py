"""Preferences as rows, and back; and as entries of the feed, which hold the same rows as JSON."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, TypeVar

import structlog
from sqlalchemy import Row

from fmn.errors import PreferencesError
from fmn.model import Destination, DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.codec import filters_from_json, filters_to_json
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule

Kinds = Mapping[str, type[Filter]]
Values = dict[str, Any]
Columns = Row[Any] | SimpleNamespace
"""A row by the names of its columns, of the database or of the feed."""

LATER: Values = {"reason": "", "until": None, "origin": "", "blocked": ""}
"""Columns that came after the first entries of the feed, as they were then."""

T = TypeVar("T")

log = structlog.get_logger()


def rows_of(preferences: Preferences) -> dict[str, list[Values]]:
    """Return table → its rows, as they are to be, but for whose they are."""
    _check_destinations(preferences)
    return {
        "destinations": list(map(_destination_row, count(), preferences.destinations)),
        "rules": list(map(_rule_row, count(), preferences.rules)),
        "rule_destinations": [
            {"rule_id": rule.id, "destination_id": each.id, "position": position}
            for rule in preferences.rules
            for position, each in enumerate(rule.destinations)
        ],
    }


def entry_of(preferences: Preferences, rows: Mapping[str, list[Values]]) -> Values:
    """Return an entry of the feed: all that `preferences_of` needs, as JSON takes it."""
    told = [each | {"until": _written(each["until"])} for each in rows["destinations"]]
    head: Values = {"user": preferences.user, "groups": list(preferences.groups)}
    return {**head, **rows, "destinations": told}


def preferences_of(user: UserId, entry: Values, kinds: Kinds) -> Preferences:
    """Return the preferences an entry of the feed holds; what cannot be read is left out."""
    name, groups = entry["user"], tuple(entry["groups"])
    told = [each for _, each in readable(_columns(user, entry["destinations"]), _destination(name))]
    links = links_of(_columns(user, entry["rule_destinations"]), told)
    rules = readable(
        _columns(user, entry["rules"]), lambda row: rule_of(row, name, kinds, links[row.id])
    )
    return Preferences(user, name, groups, tuple(told), tuple(rule for _, rule in rules))


def readable(rows: Iterable[Columns], read: Callable[[Columns], T]) -> Iterator[tuple[Columns, T]]:
    """Yield each row with what is read from it; what cannot be read is left out and logged."""
    for row in rows:
        try:
            yield row, read(row)
        except Exception as failed:  # noqa: BLE001  # one bad row must not cost the others
            why = str(failed)
            log.warning("left out", id=row.id, name=row.name, user=row.user_id, reason=why)


def links_of(
    rows: Iterable[Columns], told: Iterable[Destination]
) -> Mapping[RuleId, list[Destination]]:
    """Return rule → those of these destinations it tells, in the order of the rows."""
    by_id: dict[DestinationId, Destination] = {each.id: each for each in told}
    links: defaultdict[RuleId, list[Destination]] = defaultdict(list)
    for row in rows:
        if row.destination_id in by_id:
            links[row.rule_id].append(by_id[row.destination_id])
    return links


def destination_of(row: Columns, user: str) -> Destination:
    """Return a destination of the user of this name."""
    return Destination(
        id=row.id,
        user=user,
        name=row.name,
        kind=row.kind,
        address=row.address,
        state=DestinationState(row.state),
        reason=row.reason,
        until=row.until,
        digest=row.digest,
        quiet=row.quiet,
    )


def rule_of(row: Columns, user: str, kinds: Kinds, told: Iterable[Destination]) -> Rule:
    """Return a rule of the user of this name. Raises PreferencesError for an unknown filter."""
    return Rule(
        id=row.id,
        user=user,
        name=row.name,
        filters=filters_from_json(row.filters, kinds),
        destinations=tuple(told),
        enabled=row.enabled,
        everything=row.everything,
        origin=row.origin,
        blocked=row.blocked,
    )


def _check_destinations(preferences: Preferences) -> None:
    # Nobody's messages may go to the address of another user.
    mine = {each.id for each in preferences.destinations}
    for rule in preferences.rules:
        if foreign := [each.name for each in rule.destinations if each.id not in mine]:
            raise PreferencesError(
                preferences.user, f"rule {rule.name!r}", f"there is no destination {foreign[0]!r}"
            )


def _destination_row(position: int, each: Destination) -> Values:
    values = asdict(each) | {"position": position, "state": each.state.value}
    del values["user"]
    return values


def _rule_row(position: int, rule: Rule) -> Values:
    return {
        "id": rule.id,
        "position": position,
        "name": rule.name,
        "name_folded": rule.name.casefold(),
        "filters": filters_to_json(rule.filters),
        "enabled": rule.enabled,
        "everything": rule.everything,
        "origin": rule.origin,
        "blocked": rule.blocked,
    }


def _destination(user: str) -> Callable[[Columns], Destination]:
    return lambda row: destination_of(row, user)


def _columns(user: UserId, rows: Iterable[Values]) -> list[SimpleNamespace]:
    """Return rows of the feed, in their order, as they would come from the database."""
    whole = [LATER | row | {"user_id": user} for row in rows]
    whole.sort(key=lambda row: row["position"])
    return [SimpleNamespace(**row | {"until": _read(row["until"])}) for row in whole]


def _written(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _read(time: str | None) -> datetime | None:
    return datetime.fromisoformat(time) if time else None
