"""The rules every new user starts with, marked as such, and the way back to them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from importlib.resources import files
from secrets import token_hex

from fmn.model import RuleId
from fmn.preferences.codec import read_yaml
from fmn.preferences.edits import add_rule
from fmn.preferences.reader import Reader
from fmn.preferences.values import Preferences
from fmn.preferences.written import WrittenUser, check
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule

ORIGIN = "default"
"""Origin of a rule that is one of these."""
ANY_KIND = ""
"""Kind of a destination that only has a name."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Rules as they are written in the file, their destinations by name."""

    rules: tuple[Rule, ...] = ()


def read_defaults(
    text: str | None,
    *,
    where: str,
    filters: Mapping[str, type[Filter]],
    senders: Collection[str],
) -> Defaults:
    """Read the default rules: one user's entry as `write_user` writes it. None: those of fmn.

    The entry may leave out its destinations: then any name will do. Raises PreferencesError as
    `read_user` does.
    """
    if text is None:
        text = files("fmn.preferences").joinpath("defaults.yaml").read_text("utf-8")
    written = check(WrittenUser, read_yaml(text, where), where)
    if not written.destinations:
        written, senders = _with_any_destinations(written, where), {ANY_KIND}
    return Defaults(Reader(where, filters, senders).user("", written).rules)


def with_defaults(preferences: Preferences, defaults: Defaults) -> Preferences:
    """Return preferences with the default rules as they were: the user's own stay.

    A default rule tells those of its destinations that the user has by name, else the user's first
    one. Who has no destination gets none. A rule marked as default goes or is replaced; one of the
    user's own that has the name of a default stays and wins. What replaces a rule keeps its id,
    and stays blocked if it was.
    """
    own = tuple(rule for rule in preferences.rules if rule.origin != ORIGIN)
    taken = {rule.name.casefold() for rule in own}
    start = replace(preferences, rules=own)
    if not preferences.destinations:
        return start
    wanted = (rule for rule in defaults.rules if rule.name.casefold() not in taken)
    return reduce(add_rule, (_given(rule, preferences) for rule in wanted), start)


def _with_any_destinations(written: WrittenUser, where: str) -> WrittenUser:
    names = {name: None for rule in written.rules for name in rule.destinations}
    nowhere = {name: {"kind": ANY_KIND, "address": name} for name in names}
    told = check(WrittenUser, {"destinations": nowhere}, where).destinations
    return written.model_copy(update={"destinations": told})


def _given(default: Rule, preferences: Preferences) -> Rule:
    wanted = {destination.name for destination in default.destinations}
    told = tuple(each for each in preferences.destinations if each.name in wanted)
    rule = replace(
        default,
        id=RuleId(token_hex(8)),
        user=preferences.user,
        destinations=told or preferences.destinations[:1],
        origin=ORIGIN,
    )
    was = (each for each in preferences.rules if each.name.casefold() == rule.name.casefold())
    return next((replace(rule, id=each.id, blocked=each.blocked) for each in was), rule)
