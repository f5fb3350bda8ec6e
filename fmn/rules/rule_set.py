"""All rules at one moment, and the questions asked of them: what matches, why, and at what cost."""

from collections.abc import Callable, Iterable, Sequence

from fmn.model import Destination, Message
from fmn.rules.explanation import Cost, Explanation, cost, explanation
from fmn.rules.index.index import Index
from fmn.rules.match_set import MatchSet
from fmn.rules.me import Groups, Me, Memberships
from fmn.rules.plan import Plan, plan_of
from fmn.rules.roster import Card, Roster, card_of
from fmn.rules.rule import Rule


class RuleSet:
    """Every user's rules, changed one user at a time; rules of one stand in that user's order.

    `version` is the number of the last change of preferences in it. `groups` knows who is in which
    group, now. Only one thread may use it; what `seal` returns may run in another.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        version: int = 0,
        groups: Groups | None = None,
        destinations: Iterable[Destination] = (),
    ) -> None:
        """Take these rules; `destinations` gives each user's order of destinations.

        Without it the order in which rules name them counts.
        """
        self.version = version
        self._groups = groups or Memberships()
        self._roster = Roster()
        self._index = Index(self._groups, self._roster.name)
        for card, plans in _cards(rules, destinations):
            self.put(card, plans)
        self.seal()()

    def put(self, card: Card, plans: Sequence[Plan]) -> None:
        """Put a user's rules in place of those the user had; a plan for each rule on the card."""
        self._roster.put(self._index.put(card.user, plans), card)

    def seal(self) -> Callable[[], None]:
        """Return what makes one of all that was put: until it ran, finding what is new costs more.

        It may run in another thread while messages are matched and more is put.
        """
        return self._index.seal()

    @property
    def is_ripe(self) -> bool:
        """Tell whether so much was put that it is time to `seal`."""
        return self._index.is_ripe

    def match(self, message: Message) -> MatchSet:
        """Return what this message matches. Total: a rule that raises is named, the rest go on."""
        return MatchSet(self._index.match(message), self._roster)

    def explain(self, rule: Rule, message: Message) -> Explanation:
        """Return why the rule matches this message, or why not. Agrees with `match`."""
        return explanation(rule, message, self._me(rule))

    def cost(self, rule: Rule) -> Cost:
        """Return how the rule will be found, and whether it has to be looked at every time."""
        return cost(rule, self._me(rule))

    def _me(self, rule: Rule) -> Me:
        return Me(rule.user, self._groups.groups_of(rule.user))


def _cards(
    rules: Iterable[Rule], destinations: Iterable[Destination]
) -> Iterable[tuple[Card, list[Plan]]]:
    users: dict[str, tuple[list[Destination], list[Rule]]] = {}
    for destination in destinations:
        users.setdefault(destination.user, ([], []))[0].append(destination)
    for rule in rules:
        users.setdefault(rule.user, ([], []))[1].append(rule)
    for user, (told, theirs) in users.items():
        able = [rule for rule in theirs if rule.is_able]
        yield card_of(user, told, able), [plan_of(rule.filters) for rule in able]
