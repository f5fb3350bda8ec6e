"""Matches timed one by one, and compared with the loop's."""

import time
from collections.abc import Sequence
from statistics import fmean

from fmn.bench.rules.loop import Loop
from fmn.bench.rules.seen import Effort, Round
from fmn.model import Message
from fmn.rules.rule_set import RuleSet

US = 1e6


def timed(rule_set: RuleSet, messages: Sequence[Message]) -> list[float]:
    """Return the microseconds of each match."""
    times, clock, match = list[float](), time.perf_counter, rule_set.match
    for message in messages:
        began = clock()
        match(message)
        times.append((clock() - began) * US)
    return times


def share(times: Sequence[float], part: float) -> float:
    """Return the time that so large a part of all does not exceed."""
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


class Contest:
    """The rule set against the loop, whose time is reckoned up to all rules."""

    def __init__(self, rule_set: RuleSet, loop: Loop, times: float) -> None:
        """Take the loop, and how many times as many rules the rule set has."""
        self._rule_set = rule_set
        self._loop = loop
        self._times = times

    def round(self, messages: Sequence[Message], compared: int) -> Round:
        """Time these messages, and the last of them with the loop: each once it is at work."""
        ours = timed(self._rule_set, messages)
        began = time.perf_counter()
        for message in messages[-compared:]:
            self._loop.match(message)
        loop = (time.perf_counter() - began) * self._times / compared
        p50, p99 = share(ours, 0.5), share(ours, 0.99)
        return Round(US / fmean(ours), p50, p99, US / fmean(ours[-compared:]), 1 / loop)

    def differences(self, messages: Sequence[Message]) -> int:
        """Return how many rules only one of the two finds, or raise."""
        return sum(map(self._differing, messages))

    def _differing(self, message: Message) -> int:
        match = self._rule_set.match(message)
        users = self._loop.users
        ours = {(rule.user, rule.id) for rule in match.rules if rule.user in users}
        return len(ours.symmetric_difference(self._loop.match(message))) + len(match.raised)


def effort(rule_set: RuleSet, messages: Sequence[Message]) -> Effort:
    """Return what these messages cost in the mean, in counts."""
    matches = [rule_set.match(message) for message in messages]
    efforts = [match.effort for match in matches]
    return Effort(
        fmean(map(len, matches)),
        fmean(each.keys for each in efforts),
        fmean(each.candidates for each in efforts),
        fmean(each.asked for each in efforts),
    )
