"""What a draft would have sent: the production matcher over the history, before anything is saved.

Bounded: of each day at most `PER_DAY` candidates are judged; where there were more, the rest is
counted and what they would have brought is estimated, and said to be. After `PATIENCE` there is
no more: the days judged until then are the preview, and it says that it is partial.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from fmn.model import Message
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.explanation import Cost, Explanation
from fmn.rules.me import Me
from fmn.rules.rule import Rule
from fmn.storage.candidates import Sample, samples
from fmn.storage.engine import reading
from fmn.web.parts import Parts

DAYS = 14
WEEK = 7
"""Days to read at once, the newest first."""
PER_DAY = 500
EXAMPLES = 5
PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the preview, in the viewer's time zone."""

    day: date
    matches: float
    """Messages that would have matched; not whole where it is estimated."""
    known: float
    """How many of them other rules of the user already bring."""
    estimated: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One of the newest messages that would have matched."""

    message: Message
    explanation: Explanation
    other_rules: tuple[str, ...]
    """Names of the user's other rules that match it, too."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would have sent in the last days."""

    days: tuple[Day, ...]
    """The oldest first; the last one is today."""
    examples: tuple[Example, ...]
    judged: int
    """Messages the matcher looked at, but for private ones that do not name the user."""
    candidates: int
    """Messages that had one of the rule's keys, or all there were; private ones as above."""
    keyed: bool
    """Whether the history is filed by what the rule asks for: if not, every message may match."""
    cost: Cost
    """How the rule will be found."""
    overlap: Mapping[str, float]
    """Name of another rule → how many of the matches it brings already."""
    partial: bool = False
    """Whether time was over before all days were judged: the older ones are missing."""

    @property
    def total(self) -> float:
        """Return how many would have been sent."""
        return sum(day.matches for day in self.days)

    @property
    def known(self) -> float:
        """Return how many of them other rules already bring."""
        return sum(day.known for day in self.days)

    @property
    def estimated(self) -> bool:
        """Tell whether some of it is estimated."""
        return any(day.estimated for day in self.days)


async def preview(
    parts: Parts,
    preferences: Preferences,
    draft: Rule,
    *,
    zone: tzinfo = UTC,
    patience: timedelta = PATIENCE,
) -> Preview:
    """Judge the draft by the history. Privacy is the viewer's: the rule's own user.

    The draft counts as enabled, and as not stopped; a saved rule with its id is not among the
    other rules. `zone` is the viewer's: days begin at its midnights.
    """
    # All that is judged, in threads, because a regex may need long: others go on meanwhile.
    judge = await asyncio.to_thread(_Judge, parts, preferences, draft)
    spans = _spans(parts.now().astimezone(zone).date(), zone)
    judged: list[_Judged] = []
    with suppress(TimeoutError), judge:
        async with asyncio.timeout(patience.total_seconds()):
            for some in (spans[-WEEK:], spans[:-WEEK]):
                async with reading(parts.engine) as connection:
                    found = await samples(connection, judge.covers, some, at_most=PER_DAY)
                for sample in reversed(found):  # others need the connection meanwhile
                    day = await asyncio.to_thread(judge.day, sample)
                    judged.append(day)  # what is judged stays when time is over
    return await asyncio.to_thread(judge.preview, judged, zone, partial=len(judged) < len(spans))


@dataclass(frozen=True, slots=True)
class _Judged:
    """One day that was judged."""

    start: datetime
    matches: tuple[tuple[Message, tuple[str, ...]], ...]
    """Each with the names of the other rules it matches, the newest first."""
    judged: int
    factor: float
    """How many candidates one that was judged stands for."""


class _Judge:
    def __init__(self, parts: Parts, preferences: Preferences, draft: Rule) -> None:
        groups = parts.directory
        others = tuple(rule for rule in preferences.rules if rule.id != draft.id)
        self._draft = replace(draft, enabled=True, blocked="")
        alone = replace(preferences, rules=(self._draft,))
        self._mine = rule_set([alone], groups=groups)
        self._others = rule_set([replace(preferences, rules=others)], groups=groups)
        self.covers = self._draft.covers(Me(draft.user, groups.groups_of(draft.user)))
        self._left = False

    def __enter__(self) -> None:
        """Judge until the block is left: then a thread that is still at it ends."""

    def __exit__(self, *_: object) -> None:
        self._left = True

    def day(self, sample: Sample) -> _Judged:
        # What others' private messages number must not show, not even in a sum.
        seen = [each for each in sample.messages if not each.private or each.names(self.user)]
        matching = (each for each in seen if not self._left and len(self._mine.match(each)))
        factor = sample.candidates / len(sample.messages) if sample.messages else 1
        found = tuple((each, self._known_by(each)) for each in matching)
        return _Judged(sample.start, found, len(seen), max(1.0, factor))

    def preview(self, judged: Iterable[_Judged], zone: tzinfo, *, partial: bool) -> Preview:
        newest = sorted(judged, key=lambda each: each.start, reverse=True)
        matches = [match for each in newest for match in each.matches][:EXAMPLES]
        return Preview(
            days=tuple(_day(each, zone) for each in reversed(newest)),
            examples=tuple(self._example(*match) for match in matches),
            judged=sum(each.judged for each in newest),
            candidates=round(sum(each.judged * each.factor for each in newest)),
            keyed=bool(self.covers),
            cost=self._mine.cost(self._draft),
            overlap=_overlap(newest),
            partial=partial,
        )

    @property
    def user(self) -> str:
        return self._draft.user

    def _known_by(self, message: Message) -> tuple[str, ...]:
        return tuple(rule.name for rule in self._others.match(message).rules)

    def _example(self, message: Message, names: tuple[str, ...]) -> Example:
        return Example(message, self._mine.explain(self._draft, message), names)


def _spans(today: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    dates = [today - timedelta(days=ago) for ago in range(DAYS - 1, -2, -1)]
    # Each midnight by itself: a day in which clocks change has 23 or 25 hours.
    midnights = [datetime.combine(each, time(), zone).astimezone(UTC) for each in dates]
    return list(pairwise(midnights))


def _day(judged: _Judged, zone: tzinfo) -> Day:
    known = sum(bool(names) for _, names in judged.matches)
    return Day(
        day=judged.start.astimezone(zone).date(),
        matches=len(judged.matches) * judged.factor,
        known=known * judged.factor,
        estimated=judged.factor > 1,
    )


def _overlap(judged: Iterable[_Judged]) -> Mapping[str, float]:
    overlap: defaultdict[str, float] = defaultdict(float)
    for each in judged:
        for name in (name for _, names in each.matches for name in names):
            overlap[name] += each.factor
    return dict(sorted(overlap.items(), key=lambda item: -item[1]))
