"""Plans of rules as SQL keeps their filters: what a million rules have in common is read once."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from fmn.exact import exact_json
from fmn.preferences.reader import Reader
from fmn.rules.filter import Filter
from fmn.rules.plan import Plan, plan_of
from fmn.rules.regexes import Saved

MOST = 2_000
"""Plans and filters that are kept: the next rules are likely to have them, too."""


class Plans:
    """The plans of rules, for as long as many are read."""

    def __init__(self, kinds: Mapping[str, type[Filter]]) -> None:
        self._reader = Reader("filters", kinds, (), Saved())
        self._plans: dict[str, Plan] = {}
        self._filters: dict[bytes, Filter] = {}
        self._read = msgspec.json.Decoder(float_hook=Decimal).decode
        self._each = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def plan(self, filters: str) -> Plan:
        """Return the plan of a rule with these filters, a JSON list.

        Raises PreferencesError for what no kind knows, msgspec.DecodeError for what is no list.
        """
        plan = self._plans.get(filters)
        if plan is None:
            if len(self._plans) >= MOST:
                self._plans.clear()
            each = [self._filter(bytes(raw)) for raw in self._each(filters)]
            plan = self._plans[filters] = plan_of(each)
        return plan

    def _filter(self, written: bytes) -> Filter:
        known = self._filters.get(written)
        if known is None:
            if len(self._filters) >= MOST:
                self._filters.clear()
            [known] = self._reader.filters([self._values(written)])
            self._filters[written] = known
        return known

    def _values(self, written: bytes) -> Any:  # noqa: ANN401  # JSON is what it is
        # As exact, four times as fast, and it gives up where numbers are too large for it.
        try:
            return self._read(written)
        except (msgspec.DecodeError, ArithmeticError):
            return exact_json(written)
