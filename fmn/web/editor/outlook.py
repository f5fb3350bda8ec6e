"""What the page says of a draft while it is edited: its sentence, its preview, what it lacks."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from fmn.errors import FieldError
from fmn.model import Destination, DestinationId
from fmn.preferences.codec import read_rule
from fmn.preferences.sentence import clauses, sentence
from fmn.preferences.values import Preferences
from fmn.rules.explanation import Answer
from fmn.rules.rule import Rule
from fmn.web.editor.drafts import Draft
from fmn.web.editor.preview import Example, Preview, preview
from fmn.web.editor.refused import Refused, refused
from fmn.web.editor.turns import TooOften, Turns
from fmn.web.history.chart import Chart, Column, amount
from fmn.web.parts import Parts

NOISY = 24
"""Messages a day above which a rule is said to be noisy: one an hour."""
UNNAMED = "This rule"
NOWHERE = Destination(DestinationId("nowhere"), "", "nowhere", "", "")


@dataclass(frozen=True, slots=True)
class Reason:
    """What one filter found in an example."""

    words: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Outlook:
    """One of three: a rule with its preview, what is missing, or that it was asked too often."""

    rule: Rule | None = None
    preview: Preview | None = None
    lacks: Refused | None = None

    @property
    def sentence(self) -> str:
        """Return the rule in one sentence."""
        return sentence(self.rule) if self.rule else ""

    @property
    def chart(self) -> Chart:
        """Return messages a day, split by whether other rules bring them already."""
        days = self.preview.days if self.preview else ()
        columns = (
            Column(f"{each.day:%a %d %b}", (each.matches - each.known, each.known), each.estimated)
            for each in days
        )
        series = ("only by this rule", "already by your other rules")
        return Chart("Messages a day", "Day", series, tuple(columns))

    @property
    def total(self) -> str:
        """Return how many messages it would have been, in words."""
        found = self.preview
        return amount(found.total, about=found.estimated) if found else ""

    @property
    def known(self) -> str:
        """Return how many of them other rules bring, in words."""
        found = self.preview
        return amount(found.known, about=found.estimated) if found else ""

    @property
    def overlap(self) -> list[tuple[str, str]]:
        """Return each other rule and how many it brings, those with most first."""
        found = self.preview
        of = found.overlap.items() if found else ()
        return [(name, amount(many, about=bool(found and found.estimated))) for name, many in of]

    @property
    def a_day(self) -> float:
        """Return how many messages a day it would have been."""
        return self.preview.total / max(1, len(self.preview.days)) if self.preview else 0

    @property
    def is_noisy(self) -> bool:
        """Tell whether it is more than one message an hour."""
        return self.a_day > NOISY

    @property
    def examples(self) -> list[Example]:
        """Return the newest messages, the one sent last first: they may come in another order."""
        found = self.preview.examples if self.preview else ()
        return sorted(found, key=_sent_at, reverse=True)

    def reasons(self, example: Example) -> list[Reason]:
        """Return what each filter found in an example, in the words of the sentence."""
        said = clauses(self.rule) if self.rule else ()
        answers = example.explanation.filters
        return [Reason(clause.words, each) for clause, each in zip(said, answers, strict=False)]


async def outlook(
    parts: Parts, turns: Turns, preferences: Preferences, draft: Draft, *, zone: tzinfo
) -> Outlook:
    """Return what to say of a draft; it needs neither name nor destination yet."""
    try:
        rule = await asyncio.to_thread(_rule, parts, preferences, draft)
    except FieldError as error:
        return Outlook(lacks=refused(error, draft))
    try:
        async with turns.take(preferences.user):
            return Outlook(rule, await preview(parts, preferences, rule, zone=zone))
    except TooOften:
        return Outlook(rule)


def _rule(parts: Parts, preferences: Preferences, draft: Draft) -> Rule:
    named = replace(draft, name=UNNAMED, destinations=draft.destinations or (NOWHERE.name,))
    written = named.written()
    if draft.destinations:
        return read_rule(written, preferences=preferences, filters=parts.filters)
    somewhere = replace(preferences, destinations=(NOWHERE,))
    rule = read_rule(written, preferences=somewhere, filters=parts.filters)
    return replace(rule, destinations=())


def _sent_at(example: Example) -> datetime:
    return example.message.sent_at or datetime.min.replace(tzinfo=UTC)
