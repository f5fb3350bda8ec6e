"""Preferences as rows, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import count
from typing import Any

from sqlalchemy import Row

from fmn.errors import PreferencesError
from fmn.model import Destination, DestinationState
from fmn.preferences.codec import filters_from_json, filters_to_json
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule

Kinds = Mapping[str, type[Filter]]
Values = dict[str, Any]


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


def destination_of(row: Row[Any], user: str) -> Destination:
    """Return a destination of the user of this name."""
    return Destination(
        id=row.id,
        user=user,
        name=row.name,
        kind=row.kind,
        address=row.address,
        state=DestinationState(row.state),
        digest=row.digest,
        quiet=row.quiet,
    )


def rule_of(row: Row[Any], user: str, kinds: Kinds, told: Iterable[Destination]) -> Rule:
    """Return a rule of the user of this name. Raises PreferencesError for an unknown filter."""
    return Rule(
        id=row.id,
        user=user,
        name=row.name,
        filters=filters_from_json(row.filters, kinds),
        destinations=tuple(told),
        enabled=row.enabled,
        everything=row.everything,
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
    }
