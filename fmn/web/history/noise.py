"""How loud each rule was: its share of what reached the user, and what others brought anyway."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from fmn.model import RuleId, UserId
from fmn.rules.rule import Rule
from fmn.storage.engine import reading
from fmn.storage.lookback import Count, Reached, daily, reached, sent_since
from fmn.web.parts import Parts

WEEK = 7
FORTNIGHT = 14
LATEST = 200
"""Notifications of a user that are looked through for rules that chose the same."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What one rule brought lately."""

    sent: int
    """Notifications in the last seven days."""
    share: float | None
    """Of all that were sent to the user in these days; None where there were none."""
    latest: int
    """Of the user's latest notifications, how many this rule chose."""
    also: int
    """How many of these another rule chose, too."""
    silent: bool
    """Whether it chose nothing in fourteen days."""


async def noise_of(
    parts: Parts, user: UserId, rules: Iterable[Rule], *, zone: tzinfo
) -> Mapping[RuleId, Noise]:
    """Return how loud each of these rules was, by days of this time zone."""
    today = parts.now().astimezone(zone).date()
    week, fortnight = (
        datetime.combine(today - timedelta(days=days - 1), time(), zone)
        for days in (WEEK, FORTNIGHT)
    )
    async with reading(parts.engine) as connection:
        counts = await daily(connection, user, since=fortnight, zone=zone)
        total = await sent_since(connection, user, since=week)
        latest = await reached(connection, user, limit=LATEST)
    told = _Told(counts, [each for each in latest if each.at >= fortnight])
    lately = _Told([count for count in counts if count.day >= week.date()], ())
    return {rule.id: told.noise(rule.id, lately.sent[rule.id], total) for rule in rules}


class _Told:
    def __init__(self, counts: Iterable[Count], latest: Iterable[Reached]) -> None:
        self.sent: Counter[RuleId] = Counter()
        self.chosen: Counter[RuleId] = Counter()
        self.also: Counter[RuleId] = Counter()
        for count in counts:
            self.sent[count.rule] += count.sent
        for each in latest:
            self.chosen.update(each.rules.keys())
            if len(each.rules) > 1:
                self.also.update(each.rules.keys())

    def noise(self, rule: RuleId, sent: int, total: int) -> Noise:
        # One that was held back or refused was chosen all the same.
        silent = not self.sent[rule] and not self.chosen[rule]
        share = min(1.0, sent / total) if total else None
        return Noise(sent, share, self.chosen[rule], self.also[rule], silent)
