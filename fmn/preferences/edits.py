"""Changes to one user's preferences: each takes them as they are and returns them as they shall be.

Each raises PreferencesError, which names what is wrong, or NotThere.
"""

from dataclasses import replace
from hashlib import sha256

import msgspec

from fmn.errors import FieldError, FmnError, PreferencesError
from fmn.model import Destination, DestinationId, RuleId
from fmn.preferences.codec import filters_to_json
from fmn.preferences.values import Preferences
from fmn.preferences.written import refusal
from fmn.rules import bounds
from fmn.rules.rule import Rule


class NotThere(FmnError):
    """There is no such thing, or not any more."""


class Changed(FmnError):
    """Somebody changed it in between: look at it again."""


def rule_of(preferences: Preferences, rule: RuleId) -> Rule:
    """Return the rule with this id. Raises NotThere."""
    for each in preferences.rules:
        if each.id == rule:
            return each
    raise NotThere(f"rule {rule}")


def destination_of(preferences: Preferences, destination: DestinationId) -> Destination:
    """Return the destination with this id. Raises NotThere."""
    for each in preferences.destinations:
        if each.id == destination:
            return each
    raise NotThere(f"destination {destination}")


def etag_of(rule: Rule) -> str:
    """Return a mark of what the rule says: equal only where nothing differs. 16 hex digits."""
    told = [destination.id for destination in rule.destinations]
    state = [rule.enabled, rule.everything, rule.blocked]
    said = msgspec.json.encode([rule.name, filters_to_json(rule.filters), told, *state])
    return sha256(said).hexdigest()[:16]


def add_rule(preferences: Preferences, rule: Rule) -> Preferences:
    """Add a rule at the end. Its name must not be another's, whatever its case."""
    if len(preferences.rules) >= bounds.MOST_RULES:
        raise _refused("rules", f"there are {bounds.MOST_RULES:,} already: delete one first")
    if any(each.id == rule.id for each in preferences.rules):
        raise _refused("id", "another rule has this id")
    _check_name(preferences, rule)
    return replace(preferences, rules=(*preferences.rules, rule))


def replace_rule(preferences: Preferences, rule: Rule, *, etag: str | None = None) -> Preferences:
    """Put a rule in the place of the one with its id, which it keeps blocked if it was.

    It is the user's own from then on (origin empty) if it says something else than before. Raises
    Changed where `etag` is given and is not that of the rule as it is.
    """
    was = _unchanged(preferences, rule.id, etag)
    _check_name(preferences, rule)
    return _with_rule(preferences, rule.in_place_of(was))


def delete_rule(preferences: Preferences, rule: RuleId, *, etag: str | None = None) -> Preferences:
    """Take a rule away; `etag` as in `replace_rule`."""
    gone = _unchanged(preferences, rule, etag)
    left = tuple(each for each in preferences.rules if each is not gone)
    return replace(preferences, rules=left)


def switch_rule(preferences: Preferences, rule: RuleId, *, enabled: bool) -> Preferences:
    """Turn a rule on or off; this alone leaves its origin."""
    return _with_rule(preferences, replace(rule_of(preferences, rule), enabled=enabled))


def restore_rule(preferences: Preferences, rule: Rule) -> Preferences:
    """Add a deleted rule again, with those of its destinations that are left: refused if none."""
    told = {destination.id for destination in rule.destinations}
    left = tuple(each for each in preferences.destinations if each.id in told)
    if not left:
        gone = f"the rule {rule.name!r} tells no destination any more: write it anew"
        raise _refused("destinations", gone)
    return add_rule(preferences, replace(rule, destinations=left))


def block_rule(preferences: Preferences, rule: RuleId, reason: str) -> Preferences:
    """Stop a rule as an operator, with a reason; an empty one lets it go on."""
    return _with_rule(preferences, replace(rule_of(preferences, rule), blocked=reason))


def add_destination(preferences: Preferences, destination: Destination) -> Preferences:
    """Add a destination: its name, and its kind and address, must be no other's."""
    if len(preferences.destinations) >= bounds.MOST_DESTINATIONS:
        most = f"there are {bounds.MOST_DESTINATIONS} already: delete one first"
        raise _refused("destinations", most)
    for each in preferences.destinations:
        if each.id == destination.id:
            raise _refused("id", "another destination has this id")
        if each.name == destination.name:
            raise _refused("name", "another destination has this name")
        if (each.kind, each.address) == (destination.kind, destination.address):
            raise _refused("address", f"the destination {each.name} has this kind and address")
    return replace(preferences, destinations=(*preferences.destinations, destination))


def delete_destination(preferences: Preferences, destination: DestinationId) -> Preferences:
    """Take a destination away, out of rules too. Refused while a rule tells only this one."""
    gone = destination_of(preferences, destination)
    for rule in preferences.rules:
        if rule.tells_only(destination):
            only = f"the rule {rule.name!r} tells only this one: change or delete that first"
            raise PreferencesError(f"destination {gone.name}", only)
    left = tuple(each for each in preferences.destinations if each is not gone)
    rules = tuple(rule.without(destination) for rule in preferences.rules)
    return replace(preferences, destinations=left, rules=rules)


def _refused(field: str, expected: str) -> FieldError:
    return refusal("", (field,), expected)


def _unchanged(preferences: Preferences, rule: RuleId, etag: str | None) -> Rule:
    was = rule_of(preferences, rule)
    if etag is not None and etag != etag_of(was):
        raise Changed(f"rule {was.name!r}")
    return was


def _check_name(preferences: Preferences, rule: Rule) -> None:
    name = rule.name.casefold()
    if any(each.name.casefold() == name for each in preferences.rules if each.id != rule.id):
        raise _refused("name", "another rule of the user has this name")


def _with_rule(preferences: Preferences, rule: Rule) -> Preferences:
    rules = tuple(rule if each.id == rule.id else each for each in preferences.rules)
    return replace(preferences, rules=rules)
