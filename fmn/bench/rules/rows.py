"""Rows as SQL yields them, and what a worker makes of them: a card and a plan for each rule."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fmn.kinds import kinds, load
from fmn.preferences.codec import filters_from_json
from fmn.preferences.plans import Plans
from fmn.rules.filter import Filter
from fmn.rules.plan import Plan
from fmn.rules.roster import Card, Named, Place


class RuleRow(NamedTuple):
    """What a worker needs of a row of `rules`."""

    id: Any
    name: str
    filters: str
    """JSON text."""
    tells: tuple[int, ...]
    """Places of the destinations it tells among the user's."""
    enabled: bool = True
    everything: bool = False


class UserRow(NamedTuple):
    """All rows of one user."""

    user: str
    destinations: Sequence[tuple[Any, ...]]
    """Id, name, kind, address, state."""
    rules: Sequence[RuleRow]


class Reading:
    """Reads rows; equal filters are read once."""

    def __init__(self) -> None:
        self._kinds = {kind: load(at) for kind, at in kinds("fmn.rules.filters").items()}
        self._plan = Plans(self._kinds).plan

    def filters(self, text: str) -> tuple[Filter, ...]:
        """Return the filters of a rule."""
        return filters_from_json(text, self._kinds)

    def read(self, row: UserRow) -> tuple[Card, list[Plan]]:
        """Return what `RuleSet.put` takes: rules that can never match are left out."""
        told = tuple(Place(*each) for each in row.destinations)
        rules, plans = list[Named](), list[Plan]()
        for rule in row.rules:
            plan = self._plan(rule.filters)
            if rule.enabled and (rule.everything or not plan.is_everything):
                rules.append(Named(rule.id, rule.name, rule.tells))
                plans.append(plan)
        return Card(row.user, told, tuple(rules)), plans
