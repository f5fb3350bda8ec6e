"""The naive reading: every rule of everybody is asked about every message.

What the index says is judged by it, so it shares nothing with the index: it is never made faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fmn.model import Message
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.match_set import Chosen, Matched, MatchSet
from fmn.rules.me import Groups, Me
from fmn.rules.plan import plan_of
from fmn.rules.roster import card_of
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet

Failures = frozenset[tuple[Matched, str]]
"""Rules that raise, and what."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one message leads to."""

    rules: tuple[Matched, ...]
    destinations: tuple[Chosen, ...]
    must_raise: frozenset[Matched]
    """Rules of which a filter raises and no other says no: nobody can say whether they match."""
    may_raise: Failures
    """Rules of which a filter raises: the order of asking decides whether another says no first."""

    def allows(self, match: MatchSet) -> bool:
        """Tell whether a match names the rules that could not be evaluated, and no others."""
        raised = [(each.rule, repr(each.error)) for each in match.raised]
        names = [rule for rule, _ in raised]
        once = len(set(names)) == len(names)
        return once and self.must_raise <= set(names) and self.may_raise >= set(raised)


class Oracle:
    """Everybody's rules; users stay in the order in which they came."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._everybody: dict[str, Preferences] = {}

    def put(self, preferences: Preferences) -> None:
        """Put a user's rules in place of those the user had."""
        self._everybody[preferences.user] = preferences

    @property
    def rules(self) -> list[Rule]:
        """Every rule of everybody."""
        return [rule for each in self._everybody.values() for rule in each.rules]

    def match(self, message: Message) -> Verdict:
        """Return what this message leads to."""
        matching = {user: self._matching(user, message) for user in self._everybody}
        return Verdict(
            tuple(_named(rule) for rules in matching.values() for rule in rules),
            tuple(
                chosen
                for user, rules in matching.items()
                for chosen in _chosen(self._everybody[user], rules)
            ),
            frozenset(self._must_raise(message)),
            frozenset(self._may_raise(message)),
        )

    def _matching(self, user: str, message: Message) -> list[Rule]:
        return [rule for rule in self._everybody[user].rules if self._matches(rule, message)]

    def _matches(self, rule: Rule, message: Message) -> bool:
        try:
            return rule.matches(message, self._me(rule.user))
        except Exception:  # noqa: BLE001  # whatever a filter raises, the rule matches nothing
            return False

    def _must_raise(self, message: Message) -> Iterator[Matched]:
        for rule, answers in self._asked(message):
            if False not in answers and any(isinstance(each, str) for each in answers):
                yield _named(rule)

    def _may_raise(self, message: Message) -> Iterator[tuple[Matched, str]]:
        for rule, answers in self._asked(message):
            for answer in answers:
                if isinstance(answer, str):
                    yield _named(rule), answer

    def _asked(self, message: Message) -> Iterator[tuple[Rule, list[bool | str]]]:
        for user, preferences in self._everybody.items():
            for rule in preferences.rules:
                if rule.obstacle(message) is None:
                    yield rule, [_answer(each, message, self._me(user)) for each in rule.filters]

    def _me(self, user: str) -> Me:
        return Me(user, self._groups.groups_of(user))


def put(rule_set: RuleSet, preferences: Preferences) -> None:
    """Put a user's rules into a rule set."""
    able = [rule for rule in preferences.rules if rule.is_able]
    card = card_of(preferences.user, preferences.destinations, able)
    rule_set.put(card, [plan_of(rule.filters) for rule in able])


def agree(rule_set: RuleSet, oracle: Oracle, message: Message) -> Verdict:
    """Assert that an index says of a message what the oracle says; return that."""
    match, verdict = rule_set.match(message), oracle.match(message)
    assert match.rules == verdict.rules
    assert match.destinations == verdict.destinations
    assert [list(each.rules) for each in match.destinations] == [
        list(each.rules) for each in verdict.destinations
    ]
    assert len(match) == len(verdict.rules)
    assert verdict.allows(match), (match.raised, verdict)
    return verdict


def _named(rule: Rule) -> Matched:
    return Matched(rule.user, rule.id, rule.name)


def _answer(filter_: Filter, message: Message, me: Me) -> bool | str:
    """Return what a filter says, or what it raises."""
    try:
        return filter_.holds(message, me)
    except Exception as error:  # noqa: BLE001  # as above
        return repr(error)


def _chosen(preferences: Preferences, rules: list[Rule]) -> Iterator[Chosen]:
    for destination in preferences.destinations:
        naming = {rule.id: rule.name for rule in rules if destination in rule.destinations}
        if naming:
            yield Chosen(destination, naming)
