"""Which rules one message matches, and whom they tell: numbers until somebody asks for more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmn.model import Destination, RuleId
from fmn.rules.roster import Card, Roster

Numbers = NDArray[np.uint32]

BLOCK = 1_000
"""Users whose cards are looked for at once."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A destination that shall hear of a message."""

    destination: Destination
    rules: dict[RuleId, str]
    """Id and name of each rule that chose it, in the user's order."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A rule that matches, or one that could not be evaluated."""

    user: str
    id: RuleId
    name: str


@dataclass(frozen=True, slots=True)
class Raised:
    """A rule that could not be evaluated. It costs nobody else a notification."""

    rule: Matched
    error: Exception


class Effort(NamedTuple):
    """What one message cost, in counts that are the same on every machine."""

    keys: int = 0
    """Keys of the message that were looked up, globs and words that it fits included."""
    candidates: int = 0
    """Distinct (key, rest of a rule) that came up: what shares both is looked at once."""
    asked: int = 0
    """What was judged by itself, and not with all others at once."""


class Found(NamedTuple):
    """What an index found: users and places of their rules, by user, then place.

    The arrays are its own: they stay what they are whatever the index does next.
    """

    users: Numbers
    places: Numbers
    raised: tuple[tuple[int, int, Exception], ...] = ()
    """User and place of a rule that raised."""
    effort: Effort = Effort()


class MatchSet:
    """Which rules one message matches. Cheap however many: values are made when they are asked for.

    Users are in the order of the rule set, rules in that of their user. It must be read before
    the rule set changes; only `parts` may go on after, once the first was asked for.
    """

    def __init__(self, found: Found, roster: Roster) -> None:
        self._found = found
        self._roster = roster
        self.effort = found.effort

    def __len__(self) -> int:
        """Return how many rules match."""
        return len(self._found.users)

    @property
    def rules(self) -> tuple[Matched, ...]:
        """Every rule that matches."""
        return tuple(_named(card, place) for card, places in self._cards() for place in places)

    @property
    def raised(self) -> tuple[Raised, ...]:
        """Every rule that could not be evaluated."""
        return tuple(
            Raised(_named(self._roster.card(user), place), error)
            for user, place, error in self._found.raised
        )

    @property
    def destinations(self) -> tuple[Chosen, ...]:
        """Every destination that was chosen, in its user's order of destinations."""
        return tuple(self._each())

    def parts(self, size: int) -> Iterator[list[Chosen]]:
        """Yield all destinations by kind, then by id, so many at a time: no more exist at once.

        Who is in them, and by which rules, is settled with the first.
        """
        first = list(islice(self._each(), size + 1))
        if len(first) <= size:
            yield sorted(first, key=lambda each: (each.destination.kind, each.destination.id))
            return
        del first
        places = self._ordered()
        for start in range(0, len(places), size):
            yield [self._at(*place) for place in places[start : start + size].tolist()]

    def by_user(self) -> dict[str, tuple[list[Matched], list[Destination]]]:
        """Return each user who has a match, with the rules and destinations in the user's order."""
        return {
            card.user: (
                [_named(card, place) for place in places],
                [each.destination for each in _chosen(card, places)],
            )
            for card, places in self._cards()
        }

    @cached_property
    def _packed(self) -> list[bytes]:
        """The card of each user with a match, as it was when one was first asked for."""
        return self._roster.packed(self._found.users[self._starts].tolist())

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        users = self._found.users
        return np.flatnonzero(np.append(True, users[1:] != users[:-1])[: len(users)])

    def _cards(self) -> Iterator[tuple[Card, list[int]]]:
        """Yield the card of each user with a match, and the places of the rules that do."""
        ends = np.append(self._starts[1:], len(self))
        for at in range(0, len(self._starts), BLOCK):
            block = slice(at, at + BLOCK)
            spans = zip(self._starts[block].tolist(), ends[block].tolist(), strict=True)
            for packed, (start, end) in zip(self._packed[block], spans, strict=True):
                yield self._roster.read(packed), self._found.places[start:end].tolist()

    def _each(self) -> Iterator[Chosen]:
        for card, places in self._cards():
            yield from _chosen(card, places)

    def _ordered(self) -> NDArray[np.uint32]:
        """Return (user among those with a match, destination on the card), by kind and id."""
        kinds: dict[str, int] = {}
        blocks: list[tuple[Any, ...]] = []
        told = self._told()
        while block := list(islice(told, BLOCK)):
            numbered = [kinds.setdefault(kind, len(kinds)) for _, _, kind, _ in block]
            ids = np.array([id_.encode(errors="surrogatepass") for *_, id_ in block])
            places = np.array([row[:2] for row in block], np.uint32)
            blocks.append((places, np.array(numbered, np.uint16), ids))
        rank = np.argsort(np.argsort(list(kinds)))
        pairs, codes, ids = (np.concatenate(column) for column in zip(*blocks, strict=True))
        return pairs[np.lexsort((ids, rank[codes]))]

    def _told(self) -> Iterator[tuple[int, int, str, str]]:
        for at, (card, places) in enumerate(self._cards()):
            for place in _told_by(card, places):
                each = card.destinations[place]
                yield at, place, each.kind, each.id

    def _at(self, user: int, destination: int) -> Chosen:
        end = self._starts[user + 1].item() if user + 1 < len(self._starts) else len(self)
        places = self._found.places[self._starts[user].item() : end].tolist()
        return _choice(self._roster.read(self._packed[user]), destination, places)


def _named(card: Card, place: int) -> Matched:
    rule = card.rules[place]
    return Matched(card.user, rule.id, rule.name)


def _told_by(card: Card, places: Sequence[int]) -> list[int]:
    """Return the places of the destinations that these rules tell, in the user's order."""
    return sorted({place for rule in places for place in card.rules[rule].tells})


def _chosen(card: Card, places: Sequence[int]) -> Iterator[Chosen]:
    return (_choice(card, place, places) for place in _told_by(card, places))


def _choice(card: Card, destination: int, places: Sequence[int]) -> Chosen:
    rules = (card.rules[place] for place in places)
    naming = {rule.id: rule.name for rule in rules if destination in rule.tells}
    return Chosen(card.destinations[destination].destination(card.user), naming)
