"""Which of somebody's other rules match a message, too: the production matcher, asked seldom.

A preview asks of thousands of messages, and somebody may have hundreds of rules. So each rule is
filed under the access keys of one of its filters, and only those are asked that may match.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from fmn.model import Message
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.access import Field, Key, keys_of
from fmn.rules.glob import Globs
from fmn.rules.me import Groups, Me
from fmn.rules.rule import Rule
from fmn.rules.rule_set import RuleSet
from fmn.rules.sought import Pattern

Places = frozenset[int]
"""Rules, by their places among all."""


class Others:
    """Some rules of one user; `groups` knows who is in which group."""

    def __init__(
        self,
        preferences: Preferences,
        rules: Iterable[Rule],
        groups: Groups,
    ) -> None:
        self._preferences = replace(preferences, rules=tuple(rules))
        self._groups = groups
        self._filed = _Filed(
            self._preferences.rules, Me(preferences.user, groups.groups_of(preferences.user))
        )
        self._sets: dict[Places, RuleSet] = {}

    def names(self, message: Message) -> tuple[str, ...]:
        """Return the names of the rules that match, in the user's order."""
        places = self._filed.that_may_match(message)
        if places not in self._sets:
            self._sets[places] = self._set_of(places)
        return tuple(rule.name for rule in self._sets[places].match(message).rules)

    def _set_of(self, places: Places) -> RuleSet:
        some = tuple(self._preferences.rules[place] for place in sorted(places))
        return rule_set([replace(self._preferences, rules=some)], groups=self._groups)


class _Filed:
    def __init__(self, rules: Iterable[Rule], me: Me) -> None:
        self._always: set[int] = set()
        self._values: defaultdict[Key, set[int]] = defaultdict(set)
        self._globs: defaultdict[Field, list[tuple[Globs, int]]] = defaultdict(list)
        self._met: dict[Key, Places] = {}
        for place, rule in enumerate(rules):
            self._file(place, rule.covers(me))

    def that_may_match(self, message: Message) -> Places:
        return frozenset(self._always).union(*map(self._of, keys_of(message)))

    def _file(self, place: int, covers: list[frozenset[Key | Pattern]]) -> None:
        if not covers:
            self._always.add(place)
            return
        for each in min(covers, key=_cost):
            if isinstance(each, Pattern):
                self._globs[each.field].append((Globs([each.glob]), place))
            else:
                self._values[each].add(place)

    def _of(self, key: Key) -> Places:
        if key not in self._met:
            globs = self._globs.get(key.field, ())
            fitting = {place for glob, place in globs if glob.match(key.value)}
            self._met[key] = frozenset(self._values.get(key, ())) | fitting
        return self._met[key]


def _cost(cover: frozenset[Key | Pattern]) -> tuple[int, int]:
    """Return what a set costs to look up: first its patterns, then its values."""
    patterns = sum(isinstance(each, Pattern) for each in cover)
    return patterns, len(cover)
