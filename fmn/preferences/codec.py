"""The one codec of preferences: YAML for people, JSON for SQL and the API."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from fmn.errors import PreferencesError
from fmn.exact import exact_json
from fmn.model import Destination, Ownership
from fmn.preferences import strict_yaml
from fmn.preferences.reader import Reader
from fmn.preferences.values import Book, Preferences
from fmn.preferences.written import (
    NamedDestination,
    WrittenBook,
    WrittenRule,
    WrittenUser,
    check,
)
from fmn.rules.filter import Filter
from fmn.rules.regexes import Saved
from fmn.rules.rule import Rule


def read_book(
    text: str, *, where: str, filters: Mapping[str, type[Filter]], senders: Collection[str]
) -> Book:
    """Read a whole file of preferences; `where` names it in errors.

    `filters` is kind → class, `senders` the kinds a destination may have. An id that is not
    written is made. Raises PreferencesError, which names file, path and what is expected.
    """
    written = check(WrittenBook, read_yaml(text, where), where)
    reader = Reader(where, filters, senders)
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
    written = check(WrittenUser, read_yaml(text, where), where)
    return Reader(where, filters, senders).user(user, written)


def read_rule(
    written: Mapping[str, Any],
    *,
    preferences: Preferences,
    filters: Mapping[str, type[Filter]],
    where: str = "rule",
) -> Rule:
    """Read one entry of `rules`, which is what `write_rule` returns, as a rule of this user.

    It may tell the user's destinations; nothing is said about the user's other rules. Raises
    FieldError.
    """
    told = {destination.name: destination for destination in preferences.destinations}
    shape = check(WrittenRule, written, where)
    return Reader(where, filters, ()).rule(preferences.user, shape, told)


def read_destination(
    name: str,
    written: Mapping[str, Any],
    *,
    user: str,
    senders: Collection[str],
    where: str = "destination",
) -> Destination:
    """Read one entry of `destinations`, which stands under this name; it is unconfirmed.

    Raises FieldError.
    """
    shape = check(NamedDestination, {**written, "name": name}, where)
    return Reader(where, {}, senders).destination(user, name, shape)


def read_yaml(text: str, where: str) -> object:
    """Return what a text says in the dialect of `strict_yaml`. Raises PreferencesError."""
    try:
        return strict_yaml.read(text)
    except ValueError as refused:
        raise PreferencesError(where, refused) from None


def write_user(preferences: Preferences) -> str:
    """Return one user's entry as YAML: ids included, defaults and confirmations left out."""
    entry = _entry(preferences)
    return strict_yaml.write({name: value for name, value in entry.items() if value})


def size_of(preferences: Preferences) -> int:
    """Return how large preferences are: the bytes of JSON with each value on a line of its own.

    It takes no time, and their YAML is shorter, but for texts that consist of escapes.
    """
    ids = {each.name: each.id for each in preferences.destinations}
    entry = _entry(preferences)
    for rule in entry["rules"]:
        # Each of them is a row in SQL and in the feed, however short its name.
        rule["destinations"] = [[name, ids.get(name), rule["id"]] for name in rule["destinations"]]
    encoded = msgspec.json.Encoder(decimal_format="number").encode(entry)
    return len(msgspec.json.format(encoded, indent=1))


def _entry(preferences: Preferences) -> dict[str, Any]:
    destinations = {each.name: write_destination(each) for each in preferences.destinations}
    return {
        "groups": preferences.groups,
        "destinations": destinations,
        "rules": [write_rule(rule) for rule in preferences.rules],
    }


def write_rule(rule: Rule) -> dict[str, Any]:
    """Return an entry of `rules`, as JSON has values, but for numbers that are kept exact."""
    written: dict[str, Any] = {"id": rule.id, "name": rule.name}
    if not rule.enabled:
        written["enabled"] = False
    if rule.everything:
        written["everything"] = True
    if rule.filters:
        written["filters"] = [_written_filter(filter_) for filter_ in rule.filters]
    return written | {"destinations": [destination.name for destination in rule.destinations]}


def write_destination(destination: Destination) -> dict[str, Any]:
    """Return an entry of `destinations`, which stands under its name; its state is left out."""
    written = {"id": destination.id, "kind": destination.kind, "address": destination.address}
    schedule = {"digest": destination.digest, "quiet": destination.quiet}
    return written | {name: value for name, value in schedule.items() if value}


def filters_to_json(filters: Iterable[Filter]) -> str:
    """Return filters as JSON with exact numbers, as SQL keeps them."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    return encoder.encode([_written_filter(filter_) for filter_ in filters]).decode()


def filters_from_json(text: str, kinds: Mapping[str, type[Filter]]) -> tuple[Filter, ...]:
    """Return what `filters_to_json` wrote. Raises PreferencesError for what no kind knows.

    Regular expressions are compiled when they are needed: they were judged when they were saved.
    """
    return Reader("filters", kinds, (), Saved()).filters(exact_json(text))


def _written_filter(filter_: Filter) -> dict[str, Any]:
    lists = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in filter_.arguments().items()
    }
    return {"kind": filter_.kind} | lists
