"""The one codec of preferences: YAML for people, JSON for SQL."""

from collections.abc import Collection, Iterable, Mapping
from secrets import token_hex
from typing import Any

import msgspec

from fmn.errors import PreferencesError
from fmn.exact import exact_json
from fmn.model import Destination, DestinationId, Ownership, RuleId, UserId
from fmn.preferences import strict_yaml
from fmn.preferences.values import Book, Preferences
from fmn.preferences.written import (
    Path,
    WrittenBook,
    WrittenDestination,
    WrittenRule,
    WrittenUser,
    check,
    refusal,
)
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule


def read_book(
    text: str, *, where: str, filters: Mapping[str, type[Filter]], senders: Collection[str]
) -> Book:
    """Read a whole file of preferences; `where` names it in errors.

    `filters` is kind → class, `senders` the kinds a destination may have. An id that is not
    written is made. Raises PreferencesError, which names file, path and what is expected.
    """
    written = check(WrittenBook, _yaml(text, where), where)
    reader = _Reader(where, filters, senders)
    return Book(
        tuple(reader.user(name, user, ("users", name)) for name, user in written.users.items()),
        tuple(
            Ownership(artifact, frozenset(owner.users), frozenset(owner.groups))
            for artifact, owner in written.owners.items()
        ),
    )


def read_user(
    text: str,
    *,
    user: str,
    where: str,
    filters: Mapping[str, type[Filter]],
    senders: Collection[str],
) -> Preferences:
    """Read one user's entry, which is what `write_user` writes; else like `read_book`."""
    written = check(WrittenUser, _yaml(text, where), where)
    return _Reader(where, filters, senders).user(user, written, ())


def write_user(preferences: Preferences) -> str:
    """Return one user's entry as YAML: ids included, defaults and confirmations left out."""
    destinations = {each.name: _written_destination(each) for each in preferences.destinations}
    entry = {
        "groups": preferences.groups,
        "destinations": destinations,
        "rules": [_written_rule(rule) for rule in preferences.rules],
    }
    return strict_yaml.write({name: value for name, value in entry.items() if value})


def filters_to_json(filters: Iterable[Filter]) -> str:
    """Return filters as JSON with exact numbers, as SQL keeps them."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    return encoder.encode([_written_filter(filter_) for filter_ in filters]).decode()


def filters_from_json(text: str, kinds: Mapping[str, type[Filter]]) -> tuple[Filter, ...]:
    """Return what `filters_to_json` wrote. Raises PreferencesError for what no kind knows."""
    return _Reader("filters", kinds, ()).filters(exact_json(text), ())


def _written_destination(destination: Destination) -> dict[str, Any]:
    written = {"id": destination.id, "kind": destination.kind, "address": destination.address}
    schedule = {"digest": destination.digest, "quiet": destination.quiet}
    return written | {name: value for name, value in schedule.items() if value}


def _written_rule(rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {"id": rule.id, "name": rule.name}
    if not rule.enabled:
        written["enabled"] = False
    if rule.everything:
        written["everything"] = True
    if rule.filters:
        written["filters"] = [_written_filter(filter_) for filter_ in rule.filters]
    return written | {"destinations": [destination.name for destination in rule.destinations]}


def _written_filter(filter_: Filter) -> dict[str, Any]:
    return {"kind": filter_.kind} | filter_.arguments()


def _yaml(text: str, where: str) -> object:
    try:
        return strict_yaml.read(text)
    except ValueError as refused:
        raise PreferencesError(where, refused) from None


class _Reader:
    """Makes values of what is written, and refuses what only the whole shows to be wrong."""

    def __init__(
        self, where: str, filters: Mapping[str, type[Filter]], senders: Collection[str]
    ) -> None:
        self._where = where
        self._kinds = filters
        self._senders = senders
        self._ids: set[tuple[str, str]] = set()

    def user(self, user: str, written: WrittenUser, at: Path) -> Preferences:
        destinations = self._destinations(user, written, (*at, "destinations"))
        rules: dict[str, Rule] = {}
        for place, each in enumerate(written.rules):
            here = (*at, "rules", place)
            name = each.name.casefold()
            if name in rules:
                raise self._refusal((*here, "name"), "another rule of the user has this name")
            rules[name] = self._rule(user, each, destinations, here)
        groups = tuple(written.groups)
        id_ = UserId(token_hex(8))
        return Preferences(id_, user, groups, tuple(destinations.values()), tuple(rules.values()))

    def filters(self, written: Iterable[Mapping[str, Any]], at: Path) -> tuple[Filter, ...]:
        return tuple(self._filter(each, (*at, place)) for place, each in enumerate(written))

    def _filter(self, written: Mapping[str, Any], at: Path) -> Filter:
        kind = written.get("kind")
        if not isinstance(kind, str) or kind not in self._kinds:
            raise self._refusal((*at, "kind"), _one_of(self._kinds))
        arguments = {name: value for name, value in written.items() if name != "kind"}
        return check(self._kinds[kind], arguments, self._where, at)

    def _destinations(self, user: str, written: WrittenUser, at: Path) -> dict[str, Destination]:
        destinations: dict[str, Destination] = {}
        addresses: set[tuple[str, str]] = set()
        for name, each in written.destinations.items():
            if (each.kind, each.address) in addresses:
                raise self._refusal((*at, name), "another destination has this kind and address")
            addresses.add((each.kind, each.address))
            destinations[name] = self._destination(user, name, each, (*at, name))
        return destinations

    def _destination(
        self, user: str, name: str, written: WrittenDestination, at: Path
    ) -> Destination:
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

    def _rule(
        self, user: str, written: WrittenRule, destinations: Mapping[str, Destination], at: Path
    ) -> Rule:
        for place, name in enumerate(written.destinations):
            if name not in destinations:
                raise self._refusal((*at, "destinations", place), _one_of(destinations))
        rule = Rule(
            RuleId(self._once("rule", written.id, at)),
            user,
            written.name,
            self.filters(written.filters, (*at, "filters")),
            tuple(destinations[name] for name in dict.fromkeys(written.destinations)),
            enabled=written.enabled,
            everything=written.everything,
        )
        if rule.is_everything and not rule.everything:
            raise self._refusal((*at, "everything"), "expected true: no filter asks for something")
        return rule

    def _once(self, what: str, id_: str, at: Path) -> str:
        if (what, id_) in self._ids:
            raise self._refusal((*at, "id"), f"another {what} has this id")
        self._ids.add((what, id_))
        return id_

    def _refusal(self, path: Path, expected: str) -> PreferencesError:
        return refusal(self._where, path, expected)


def _one_of(known: Iterable[str]) -> str:
    return f"expected one of {', '.join(sorted(known)) or 'none: there are none'}"
