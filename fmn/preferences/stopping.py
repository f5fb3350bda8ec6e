"""Stopping the rules a mail came from, and undoing just that: who holds the link may do no more."""

from collections.abc import Iterable
from dataclasses import replace

from fmn.links import Undo
from fmn.model import Destination, DestinationId, RuleId
from fmn.preferences.edits import destination_of, etag_of
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule


def stop(
    preferences: Preferences, destination: DestinationId, rules: Iterable[RuleId]
) -> tuple[Preferences, Undo]:
    """Make these rules tell this destination no more; return what undoes it.

    A rule that tells others too loses this one; a rule that tells only this one is turned off.
    Rules that are gone, off, or do not tell it are passed over.
    """
    asked = set(rules)
    telling = (rule for rule in preferences.rules if rule.enabled and rule.tells(destination))
    meant = [rule for rule in telling if rule.id in asked]
    lose = {rule.id: rule for rule in meant if not rule.tells_only(destination)}
    off = {rule.id: replace(rule, enabled=False) for rule in meant if rule.id not in lose}
    stopped = {id_: rule.without(destination) for id_, rule in lose.items()} | off
    after = tuple(stopped.get(rule.id, rule) for rule in preferences.rules)
    undo = Undo(destination, tuple(lose), tuple(off), tuple(map(etag_of, off.values())))
    return replace(preferences, rules=after), undo


def unstop(preferences: Preferences, undo: Undo) -> Preferences:
    """Bring back what `stop` took. Raises NotThere where the destination is gone.

    A rule that it turned off is turned on only where nothing of it was changed since.
    """
    to = destination_of(preferences, undo.destination)
    after = tuple(_brought_back(rule, to, undo) for rule in preferences.rules)
    return replace(preferences, rules=after)


def _brought_back(rule: Rule, to: Destination, undo: Undo) -> Rule:
    if rule.id in undo.rules and not rule.tells(to.id):
        return replace(rule, destinations=(*rule.destinations, to))
    marks = dict(zip(undo.off, undo.marks, strict=False))
    if rule.id in marks and marks[rule.id] == etag_of(rule):
        return replace(rule, enabled=True)
    return rule
