"""Who may be told: of each user the destinations and the names of the rules, packed.

A million users as objects would be gigabytes. So each is one string of bytes until a message
matches, and then read for as long as it takes to tell the user.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

import msgspec

from fmn.model import Destination, DestinationId, DestinationState, RuleId
from fmn.rules.rule import Rule


class Place(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A destination on a card, whose user is the card's."""

    id: DestinationId
    name: str
    kind: str
    address: str
    state: DestinationState = DestinationState.UNCONFIRMED
    reason: str = ""
    until: datetime | None = None
    digest: dict[str, Any] | None = None
    quiet: dict[str, Any] | None = None

    @classmethod
    def of(cls, each: Destination) -> Self:
        """Return a destination as a card has it."""
        schedule = (each.digest, each.quiet)
        state = (each.state, each.reason, each.until)
        return cls(each.id, each.name, each.kind, each.address, *state, *schedule)

    def destination(self, user: str) -> Destination:
        """Return the destination of this user."""
        return Destination(
            *(self.id, user, self.name, self.kind, self.address),
            *(self.state, self.reason, self.until, self.digest, self.quiet),
        )


class Named(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A rule on a card: its name, and whom it tells."""

    id: RuleId
    name: str
    tells: tuple[int, ...]
    """Places of destinations on the card, in the rule's order."""


class Card(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What must be known of a user to tell them, and why."""

    user: str
    """The user's name."""
    destinations: tuple[Place, ...]
    """In the user's order."""
    rules: tuple[Named, ...]
    """Those that can match, in the user's order."""


def card_of(user: str, destinations: Iterable[Destination], rules: Iterable[Rule]) -> Card:
    """Return the card of a user; rules that tell more than these destinations add theirs."""
    rules = tuple(rules)
    told = [*destinations, *(each for rule in rules for each in rule.destinations)]
    every = {each.id: each for each in told}
    places = {id_: place for place, id_ in enumerate(every)}
    named = (
        Named(rule.id, rule.name, tuple(places[each.id] for each in rule.destinations))
        for rule in rules
    )
    return Card(user, tuple(map(Place.of, every.values())), tuple(named))


class Roster:
    """The cards of all users, by their numbers."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._buffer = bytearray()
        self._read = msgspec.msgpack.Decoder(Card).decode
        self._last = b"", Card("", (), ())

    def put(self, number: int, card: Card) -> None:
        """Keep a card in place of the one this user had; a new user's number is the next."""
        packed = self._pack(card)
        if number == len(self._packed):
            self._packed.append(packed)
        else:
            self._packed[number] = packed

    def _pack(self, card: Card) -> bytes:
        # Straight to bytes, each would keep some of the room in which it was encoded.
        self._encoder.encode_into(card, self._buffer)
        return bytes(self._buffer)

    def card(self, number: int) -> Card:
        """Return the card of a user."""
        return self.read(self._packed[number])

    def name(self, number: int) -> str:
        """Return how a user is called."""
        return self.card(number).user

    def packed(self, numbers: Iterable[int]) -> list[bytes]:
        """Return these users' cards, packed, as they are now and stay whatever is put later."""
        return [self._packed[number] for number in numbers]

    def read(self, packed: bytes) -> Card:
        """Return a card that was packed."""
        # A preview asks the rules of one user about thousands of messages.
        if packed is not self._last[0]:
            self._last = packed, self._read(packed)
        return self._last[1]
