"""What an import makes of the preferences a user has."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex

from fmn.model import Destination, DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.codec import write_user
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule


def merge(before: Preferences | None, read: Preferences, *, confirmed: bool = False) -> Preferences:
    """Return what was read as the user's preferences, matched by id, then by name.

    A new or changed address is a new destination. What is unconfirmed stays so unless somebody
    vouches for it.
    """
    known = before or Preferences(UserId(token_hex(8)), read.user)
    new = DestinationState.ACTIVE if confirmed else DestinationState.UNCONFIRMED
    told = {to.name: _destination(known, to, new) for to in read.destinations}
    rules = tuple(_rule(known, rule, told) for rule in read.rules)
    return replace(read, id=known.id, destinations=tuple(told.values()), rules=rules)


def changes(before: Preferences | None, after: Preferences) -> list[str]:
    """Return the lines of YAML that go (`-`) and come (`+`), with some around them."""
    old = write_user(before).splitlines() if before else []
    lines = difflib.unified_diff(old, write_user(after).splitlines(), lineterm="", n=2)
    return list(lines)[2:]


def _destination(known: Preferences, read: Destination, new: DestinationState) -> Destination:
    was = next((to for to in known.destinations if to.id == read.id), None) or next(
        (to for to in known.destinations if to.name == read.name), None
    )
    if was and (was.kind, was.address) == (read.kind, read.address):
        unconfirmed = was.state is DestinationState.UNCONFIRMED
        return replace(read, id=was.id, state=new if unconfirmed else was.state)
    return replace(read, id=DestinationId(token_hex(8)), state=new)


def _rule(known: Preferences, read: Rule, told: Mapping[str, Destination]) -> Rule:
    was = next((rule for rule in known.rules if rule.id == read.id), None) or next(
        (rule for rule in known.rules if rule.name.casefold() == read.name.casefold()), None
    )
    to = tuple(told[destination.name] for destination in read.destinations)
    return replace(read, id=was.id if was else RuleId(token_hex(8)), destinations=to)
