"""All rules at one moment, and the two questions asked of them: what matches, and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fmn.model import Destination, DestinationId, Message, RuleId
from fmn.rules.filter import Filter, Me
from fmn.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Chosen:
    """A destination that shall hear of a message."""

    destination: Destination
    rules: dict[RuleId, str]
    """Id and name of each rule that chose it, in the user's order."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A rule that could not be evaluated. It costs nobody else a notification."""

    rule: Rule
    error: Exception


@dataclass(frozen=True, slots=True)
class MatchSet:
    """Which rules one message matches, and which destinations they chose."""

    rules: tuple[Rule, ...]
    """In the order of the rule set."""
    destinations: tuple[Chosen, ...]
    """By users in the order of their rules, then in each user's own order of destinations."""
    raised: tuple[Raised, ...] = ()

    def by_user(self) -> dict[str, tuple[list[Rule], list[Destination]]]:
        """Return each user who has a match, with the rules and destinations in the user's order."""
        users: dict[str, tuple[list[Rule], list[Destination]]] = {}
        for rule in self.rules:
            users.setdefault(rule.user, ([], []))[0].append(rule)
        for chosen in self.destinations:
            users[chosen.destination.user][1].append(chosen.destination)
        return users


@dataclass(frozen=True, slots=True)
class Answer:
    """What one filter said, for people."""

    kind: str
    negated: bool
    holds: bool
    """With the negation."""
    deciding: tuple[str, ...]
    """The values that made it so, short enough for a page."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a rule matches a message, or why not."""

    matched: bool
    filters: tuple[Answer, ...]
    why: str | None = None
    """What keeps the rule from matching whatever its filters say: private, disabled, an error."""


class RuleSet:
    """Immutable and versioned; rules of one user stand in that user's order.

    `version` is the number of the last change of preferences in it; `groups_of` returns the
    groups a user is in; `destinations` gives each user's order of destinations, without it the
    order in which rules name them counts.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        version: int = 0,
        groups_of: Callable[[str], frozenset[str]],
        destinations: Iterable[Destination] = (),
    ) -> None:
        self.rules = tuple(rules)
        self.version = version
        self._groups_of = groups_of
        named = (destination for rule in self.rules for destination in rule.destinations)
        self._places = _places([*destinations, *named])

    def match(self, message: Message) -> MatchSet:
        """Return what this message matches. Total: a rule that raises is named, the rest go on."""
        matching: list[Rule] = []
        raised: list[Raised] = []
        for rule in self.rules:
            try:
                if rule.matches(message, self._me(rule)):
                    matching.append(rule)
            except Exception as error:  # noqa: BLE001  # one bad rule must not cost the others
                raised.append(Raised(rule, error))
        return MatchSet(tuple(matching), _chosen(matching, self._places), tuple(raised))

    def explain(self, rule: Rule, message: Message) -> Explanation:
        """Return why the rule matches this message, or why not. Agrees with `match`."""
        try:
            me = self._me(rule)
            answers = tuple(_answer(filter_, message, me) for filter_ in rule.filters)
            return Explanation(rule.matches(message, me), answers, rule.obstacle(message))
        except Exception as error:  # noqa: BLE001  # whatever a rule raises is its explanation
            return Explanation(matched=False, filters=(), why=f"the rule raised {error!r}")

    def _me(self, rule: Rule) -> Me:
        return Me(rule.user, self._groups_of(rule.user))


def _places(destinations: Iterable[Destination]) -> Mapping[DestinationId, int]:
    ids = dict.fromkeys(destination.id for destination in destinations)
    return {destination: place for place, destination in enumerate(ids)}


def _chosen(rules: Iterable[Rule], places: Mapping[DestinationId, int]) -> tuple[Chosen, ...]:
    users: dict[str, dict[DestinationId, Chosen]] = {}
    for rule in rules:
        mine = users.setdefault(rule.user, {})
        for destination in rule.destinations:
            chosen = mine.setdefault(destination.id, Chosen(destination, {}))
            chosen.rules[rule.id] = rule.name
    return tuple(
        mine[id_] for mine in users.values() for id_ in sorted(mine, key=places.__getitem__)
    )


def _answer(filter_: Filter, message: Message, me: Me) -> Answer:
    return Answer(
        filter_.kind, filter_.negate, filter_.holds(message, me), filter_.deciding(message, me)
    )
