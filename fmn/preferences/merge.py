"""What an import makes of the preferences a user has."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import TypeVar

from fmn.model import Destination, DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.codec import write_user
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule

Named = TypeVar("Named", Rule, Destination)


def merge(before: Preferences | None, read: Preferences, *, confirmed: bool = False) -> Preferences:
    """Return what was read as the user's preferences, matched by id, then by name.

    A new or changed address is a new destination; else it keeps its state. What is unconfirmed
    stays so unless somebody vouches for it. A rule stays blocked if it was; it stays a default one
    only if it says the same.
    """
    known = before or Preferences(UserId(token_hex(8)), read.user)
    new = DestinationState.ACTIVE if confirmed else DestinationState.UNCONFIRMED
    places = _matched(known.destinations, read.destinations)
    told = {to.name: _destination(places.get(to.name), to, new) for to in read.destinations}
    rules = _matched(known.rules, read.rules)
    merged = (_rule(rules.get(rule.name), rule, told) for rule in read.rules)
    return replace(read, id=known.id, destinations=tuple(told.values()), rules=tuple(merged))


def changes(before: Preferences | None, after: Preferences) -> list[str]:
    """Return the lines of YAML that go (`-`) and come (`+`), with some around them."""
    old = write_user(before).splitlines() if before else []
    lines = difflib.unified_diff(old, write_user(after).splitlines(), lineterm="", n=2)
    return list(lines)[2:]


def _matched(known: Iterable[Named], read: Iterable[Named]) -> dict[str, Named]:
    """Return name as read → what it was; whoever has an id takes it before others take a name."""
    ids = {each.id: each for each in known}
    same = {each.name: ids[each.id] for each in read if each.id in ids}
    claimed = {was.id for was in same.values()}
    names = {each.name.casefold(): each for each in known if each.id not in claimed}
    others = {each.name: names.get(each.name.casefold()) for each in read if each.name not in same}
    return same | {name: was for name, was in others.items() if was}


def _destination(was: Destination | None, read: Destination, new: DestinationState) -> Destination:
    if was is None or (was.kind, was.address) != (read.kind, read.address):
        return replace(read, id=DestinationId(token_hex(8)), state=new)
    if was.state is DestinationState.UNCONFIRMED:
        return replace(read, id=was.id, state=new)
    return replace(read, id=was.id, state=was.state, reason=was.reason, until=was.until)


def _rule(was: Rule | None, read: Rule, told: Mapping[str, Destination]) -> Rule:
    rule = replace(read, destinations=tuple(told[each.name] for each in read.destinations))
    return rule.in_place_of(was) if was else replace(rule, id=RuleId(token_hex(8)))
