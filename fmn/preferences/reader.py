"""Makes values of what people wrote, and refuses what only the whole shows to be wrong."""

from collections.abc import Collection, Iterable, Mapping
from secrets import token_hex
from typing import Any

from fmn.errors import FieldError
from fmn.model import Destination, DestinationId, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.preferences.written import (
    Path,
    WrittenDestination,
    WrittenRule,
    WrittenUser,
    check,
    refusal,
)
from fmn.rules.filter import Filter
from fmn.rules.regexes import Budget
from fmn.rules.rule import Rule


class Reader:
    """Reads one document: `where` names it in errors, an id stands once in it.

    `filters` is kind → class, `senders` the kinds a destination may have; `budget` is what the
    user's regular expressions may cost. Each method takes the path at which it reads, and raises
    FieldError.
    """

    def __init__(
        self,
        where: str,
        filters: Mapping[str, type[Filter]],
        senders: Collection[str],
        budget: Budget | None = None,
    ) -> None:
        self._where = where
        self._kinds = filters
        self._senders = senders
        self._budget = budget or Budget()
        self._ids: set[tuple[str, str]] = set()

    def user(self, user: str, written: WrittenUser, at: Path = ()) -> Preferences:
        """Return the preferences of the user of this name; an id that is not written is made."""
        self._budget = Budget()
        destinations = self._destinations(user, written, (*at, "destinations"))
        rules: dict[str, Rule] = {}
        for place, each in enumerate(written.rules):
            here = (*at, "rules", place)
            name = each.name.casefold()
            if name in rules:
                raise self._refusal((*here, "name"), "another rule of the user has this name")
            rules[name] = self.rule(user, each, destinations, here)
        groups = tuple(written.groups)
        id_ = UserId(token_hex(8))
        return Preferences(id_, user, groups, tuple(destinations.values()), tuple(rules.values()))

    def destination(
        self, user: str, name: str, written: WrittenDestination, at: Path = ()
    ) -> Destination:
        """Return a destination, unconfirmed."""
        if written.kind not in self._senders:
            raise self._refusal((*at, "kind"), _one_of(self._senders))
        return Destination(
            DestinationId(self._once("destination", written.id, at)),
            user,
            name,
            written.kind,
            written.address,
            digest=written.digest.as_written() if written.digest else None,
            quiet=written.quiet.as_written() if written.quiet else None,
        )

    def rule(
        self, user: str, written: WrittenRule, told: Mapping[str, Destination], at: Path = ()
    ) -> Rule:
        """Return a rule that tells some of these destinations, which stand under their names."""
        for place, name in enumerate(written.destinations):
            if name not in told:
                raise self._refusal((*at, "destinations", place), _one_of(told))
        rule = Rule(
            RuleId(self._once("rule", written.id, at)),
            user,
            written.name,
            self.filters(written.filters, (*at, "filters")),
            tuple(told[name] for name in dict.fromkeys(written.destinations)),
            enabled=written.enabled,
            everything=written.everything,
        )
        if rule.is_everything and not rule.everything:
            raise self._refusal((*at, "everything"), "expected true: no filter asks for something")
        return rule

    def filters(self, written: Iterable[Mapping[str, Any]], at: Path = ()) -> tuple[Filter, ...]:
        """Return a filter for each mapping of `kind` and arguments."""
        return tuple(self._filter(each, (*at, place)) for place, each in enumerate(written))

    def _filter(self, written: Mapping[str, Any], at: Path) -> Filter:
        kind = written.get("kind")
        if not isinstance(kind, str) or kind not in self._kinds:
            raise self._refusal((*at, "kind"), _one_of(self._kinds))
        arguments = {name: value for name, value in written.items() if name != "kind"}
        return check(self._kinds[kind], arguments, self._where, at, self._budget)

    def _destinations(self, user: str, written: WrittenUser, at: Path) -> dict[str, Destination]:
        destinations: dict[str, Destination] = {}
        addresses: set[tuple[str, str]] = set()
        for name, each in written.destinations.items():
            if (each.kind, each.address) in addresses:
                raise self._refusal((*at, name), "another destination has this kind and address")
            addresses.add((each.kind, each.address))
            destinations[name] = self.destination(user, name, each, (*at, name))
        return destinations

    def _once(self, what: str, id_: str, at: Path) -> str:
        if (what, id_) in self._ids:
            raise self._refusal((*at, "id"), f"another {what} has this id")
        self._ids.add((what, id_))
        return id_

    def _refusal(self, path: Path, expected: str) -> FieldError:
        return refusal(self._where, path, expected)


def _one_of(known: Iterable[str]) -> str:
    return f"expected one of {', '.join(sorted(known)) or 'none: there are none'}"
