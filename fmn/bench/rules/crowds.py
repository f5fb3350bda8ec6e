"""Messages for very many: users added to the world, each crowd with one application of its own.

recipients   all that it says; and on a condition that holds, or does not, unless they did it
thresholds   each a limit of its own on one value: few are reached, or half of them
words        each a word of its own: few stand in the text, or many
regexes      each a regular expression of its own: few are found, or many
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec

from fmn.bench.rules.building import put_all
from fmn.bench.rules.rows import RuleRow, UserRow
from fmn.bench.rules.seen import Crowd
from fmn.bench.rules.timing import timed
from fmn.bench.rules.workload import Asked, encoded
from fmn.model import DestinationState, Message, MessageId, Severity
from fmn.rules.rule_set import RuleSet

REPEATED = 20
"""Matches of one message in a round, of which the one in the middle counts."""
FEW = 10
LARGEST = "100,000 recipients"
"""The message for whom an aim is set."""
SMALL = 1_000
"""Users of the crowd that is there whatever the number of rules."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Users who ask for one application and each for something more, and messages for them."""

    name: str
    size: int
    more: Callable[[int], list[Asked]]
    """What a user asks for besides."""
    messages: tuple[tuple[str, int, dict[str, Any]], ...]
    """What the message is called, how many it is for, its facts."""

    def rows(self) -> Iterator[UserRow]:
        """Yield a user for each place."""
        active = DestinationState.ACTIVE
        for place in range(self.size):
            user = f"{self.name} {place}"
            told = (f"{place:016x}", "email", "email", f"{user}@example.org", active)
            asked = [{"kind": "application", "names": [self.name]}, *self.more(place)]
            yield UserRow(user, [told], [RuleRow(f"{place}", "All", encoded(asked).decode(), (0,))])

    def seen(self, rule_set: RuleSet, rounds: int) -> Iterator[tuple[Crowd, int]]:
        """Yield each message's times, and by how many its matches differ from what they must be."""
        for what, many, facts in self.messages:
            body = msgspec.json.encode(facts.pop("body", None))
            message = Message(MessageId("m"), "crowd", self.name, body=body, **facts)
            found = [rule.user for rule in rule_set.match(message).rules]
            ours = sum(user.startswith(f"{self.name} ") for user in found)
            times = (median(timed(rule_set, [message] * REPEATED)) for _ in range(rounds))
            yield Crowd(what, len(found), tuple(times)), abs(ours - many)


def crowds(rule_set: RuleSet, largest: int, rounds: int) -> tuple[tuple[Crowd, ...], int]:
    """Add all crowds, the largest of this size; return what was seen, and differences."""
    gatherings = [_recipients("small", SMALL), *(_gatherings(largest) if largest else [])]
    for each in gatherings:
        put_all(rule_set, each.rows())
    rule_set.seal()()
    seen = [one for each in gatherings for one in each.seen(rule_set, rounds)]
    return tuple(crowd for crowd, _ in seen), sum(differing for _, differing in seen)


def _gatherings(size: int) -> list[Gathering]:
    return [
        _recipients("nobody", 0),
        _recipients("few", max(size // 10_000, 1)),
        _recipients("many", size),
        _conditional(size),
        _thresholds("limits", size),
        _thresholds("fewer-limits", size // 10),
        _worded("words", size, lambda word: {"kind": "text", "words": [word]}),
        _worded("regexes", size, lambda word: {"kind": "regex", "patterns": [rf"\b{word}\b"]}),
    ]


def _recipients(name: str, size: int) -> Gathering:
    return Gathering(name, size, lambda _: [], ((f"{size:,} recipients", size, {}),))


def _conditional(size: int) -> Gathering:
    not_me = {"kind": "agent", "users": ["me"], "negate": True}
    asked: list[Asked] = [{"kind": "severity", "at_least": "warning"}, not_me]
    name = "conditions"
    by_one = {"severity": Severity.ERROR, "agent": f"{name} 0"}
    messages = (
        (f"{size:,} on a condition, not by me", size - 1, by_one),
        (f"{size:,} on a condition that does not hold", 0, {"agent": f"{name} 0"}),
    )
    return Gathering(name, size, lambda _: asked, messages)


def _thresholds(name: str, size: int) -> Gathering:
    def limit(place: int) -> list[Asked]:
        return [{"kind": "field", "path": f"{name}.reached", "at_least": place}]

    def reached(many: int) -> tuple[str, int, dict[str, Any]]:
        body = {name: {"reached": many - 1}}
        return f"{size:,} thresholds, {many:,} reached", many, {"body": body}

    return Gathering(name, size, limit, tuple(map(reached, dict.fromkeys((FEW, size // 2)))))


def _worded(name: str, size: int, asked: Callable[[str], Asked]) -> Gathering:
    def said(many: int) -> tuple[str, int, dict[str, Any]]:
        text = " ".join(_token(name, place) for place in range(many))
        return f"{size:,} {name}, {many:,} found", many, {"text": text}

    messages = said(max(size // 10_000, 2)), said(max(size // 100, 3))
    return Gathering(name, size, lambda place: [asked(_token(name, place))], messages)


def _token(name: str, place: int) -> str:
    return f"{name}{place:06}x"
