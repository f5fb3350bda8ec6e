"""What a draft would have sent: the same as what would have matched, told by days."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Snapshot
from fmn.model import Message, MessageId, RuleId
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.explanation import Cost
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from fmn.storage.engine import writing
from fmn.storage.tables import metadata
from fmn.web.editor.preview import DAYS, EXAMPLES, PER_DAY, Preview, preview
from fmn.web.parts import Parts
from tests.rules.cases import a_filter
from tests.rules.strategies import filters, messages
from tests.storage.factories import a_destination, some_preferences
from tests.web.history import NOW, handled, some_messages

KOJI = a_filter("application", names=["koji"])
EVERYWHERE = Cost((), is_everywhere=True)
GROUPS = frozenset({"python-sig", "kernel-sig"})


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """Parts whose clock stands still."""
    directory = Fixed(Snapshot(groups={"alice": GROUPS}))
    return replace(parts, now=lambda: NOW, directory=directory)


def a_draft(*asked: Filter, **changes: Any) -> Rule:
    rule = Rule(RuleId("draft"), "alice", "Draft", asked or (KOJI,), (a_destination(),))
    return replace(rule, **({"everything": rule.is_everything} | changes))


def preferences(*others: Rule) -> Preferences:
    return replace(some_preferences("alice"), rules=others)


async def previewed(parts: Parts, *others: Rule, draft: Rule | None = None, **how: Any) -> Preview:
    return await preview(parts, preferences(*others), draft or a_draft(), **how)


def by_day(found: Preview) -> dict[date, float]:
    return {each.day: each.matches for each in found.days if each.matches}


async def test_an_empty_history_makes_fourteen_empty_days(parts: Parts) -> None:
    found = await previewed(parts)
    today = NOW.date()
    assert [today - timedelta(days=ago) for ago in range(13, -1, -1)] == [d.day for d in found.days]
    assert (found.total, found.judged, found.estimated, found.partial) == (0, 0, False, False)


async def test_matches_are_counted_on_their_days_and_only_for_fourteen(parts: Parts) -> None:
    for days, many in ((0, 1), (1, 2), (13, 3), (14, 4)):
        messages = some_messages(many, app="koji", name=f"m{days}")
        await handled(parts, messages, NOW - timedelta(days=days))
    await handled(parts, some_messages(5, app="bodhi", name="other"), NOW)
    found = await previewed(parts)
    ago = {timedelta(days=0): 1, timedelta(days=1): 2, timedelta(days=13): 3}
    assert {NOW.date() - back: many for back, many in ago.items()} == by_day(found)
    assert found.total == 6


async def test_days_begin_at_midnight_of_the_viewer(parts: Parts) -> None:
    zone = ZoneInfo("America/New_York")
    midnight = datetime.combine(date(2026, 3, 30), time(), zone).astimezone(UTC)
    await handled(parts, some_messages(1, app="koji", name="late"), midnight - timedelta(seconds=1))
    await handled(parts, some_messages(1, app="koji", name="early"), midnight)
    found = await previewed(parts, zone=zone)
    assert {date(2026, 3, 29): 1, date(2026, 3, 30): 1} == by_day(found)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
async def test_no_hour_is_counted_twice_or_never_where_clocks_change(
    parts: Parts, zone: str
) -> None:
    # Berlin changed its clocks on 29 March 2026, New York on 8 March.
    for now in (NOW, datetime(2026, 3, 15, 12, tzinfo=UTC)):
        hours = [now - timedelta(hours=hour) for hour in range(24 * 12)]
        for at in hours:
            await handled(parts, some_messages(1, app="koji", name=f"{at:%d%H}"), at)
        found = await previewed(replace(parts, now=partial(_same, now)), zone=ZoneInfo(zone))
        local = Counter(at.astimezone(ZoneInfo(zone)).date() for at in hours)
        assert found.total == sum(local.values())
        assert dict(local) == by_day(found)
        await forget(parts)


async def test_the_newest_examples_come_first_with_what_decided(parts: Parts) -> None:
    await handled(parts, some_messages(3, app="koji", name="old"), NOW - timedelta(days=2))
    await handled(parts, some_messages(EXAMPLES - 1, app="koji", name="new"), NOW)
    found = await previewed(parts)
    newest = [f"new-{number}" for number in range(EXAMPLES - 2, -1, -1)]
    assert [*newest, "old-2"] == [each.message.id for each in found.examples]
    answer = found.examples[0].explanation.filters[0]
    assert (answer.kind, answer.holds, answer.deciding) == ("application", True, ("koji",))


async def test_what_other_rules_bring_is_counted_and_named(parts: Parts) -> None:
    await handled(parts, some_messages(3, app="koji", agent="bob", name="bobs"), NOW)
    await handled(parts, some_messages(2, app="koji", name="others"), NOW)
    bobs = a_draft(a_filter("agent", users=["bob"]), id=RuleId("r-2"), name="Bob")
    off = a_draft(id=RuleId("r-3"), name="Off", enabled=False)
    blocked = a_draft(id=RuleId("r-4"), name="Blocked", blocked="floods")
    saved = a_draft(name="Saved")
    found = await previewed(parts, bobs, off, blocked, saved)
    assert (found.total, found.known, dict(found.overlap)) == (5, 3, {"Bob": 3})
    assert sorted({each.other_rules for each in found.examples}) == [(), ("Bob",)]


async def test_a_draft_counts_as_on_and_not_stopped(parts: Parts) -> None:
    await handled(parts, some_messages(2, app="koji"), NOW)
    draft = a_draft(enabled=False, blocked="floods")
    assert (await previewed(parts, draft=draft)).total == 2


async def test_a_private_message_of_others_neither_counts_nor_shows(parts: Parts) -> None:
    secret = some_messages(3, app="koji", private=True, name="secret")
    mine = some_messages(1, app="koji", private=True, users=frozenset({"alice"}), name="mine")
    await handled(parts, [*secret, *mine], NOW)
    for draft in (a_draft(), a_draft(a_filter("text", words=["built"]))):
        found = await previewed(parts, draft=draft)
        assert (found.total, found.judged, found.candidates) == (1, 1, 1)
        assert [each.message.id for each in found.examples] == ["mine-0"]


async def test_of_a_full_day_a_part_is_judged_and_the_rest_estimated(parts: Parts) -> None:
    built = some_messages(PER_DAY // 2, app="koji", topic="built", name="built")
    failed = some_messages(PER_DAY, app="koji", topic="failed", name="failed")
    mixed = [each for pair in zip(failed[::2], built, failed[1::2], strict=True) for each in pair]
    await handled(parts, mixed, NOW)
    found = await previewed(parts, draft=a_draft(KOJI, a_filter("text", words=["kernel"])))
    assert (found.judged, found.candidates, found.estimated) == (PER_DAY, 1.5 * PER_DAY, True)
    assert found.total == pytest.approx(1.5 * PER_DAY)
    third = a_draft(KOJI, a_filter("topic", patterns=["built"], negate=True))
    found = await previewed(parts, draft=third)
    assert found.total == pytest.approx(PER_DAY, rel=0.01)


async def test_how_the_rule_is_found_and_whether_the_history_is_filed_by_it_is_told(
    parts: Parts,
) -> None:
    for draft, keyed, cost in (
        (a_draft(), True, Cost(("application koji",))),
        (a_draft(a_filter("text", words=["a"])), False, Cost(("word “a”",))),
        (a_draft(a_filter("text", words=["a"]), KOJI), True, Cost(("word “a”",))),
        (a_draft(a_filter("text", words=["a"], negate=True)), False, EVERYWHERE),
        (a_draft(a_filter("topic", patterns=["a"], negate=True)), False, EVERYWHERE),
    ):
        found = await previewed(parts, draft=draft)
        assert (found.keyed, found.cost) == (keyed, cost)


async def test_of_a_thousand_other_rules_those_that_match_are_named_in_their_order(
    parts: Parts,
) -> None:
    await handled(parts, some_messages(2, app="koji", summary="two words"), NOW)
    asked = [
        KOJI,
        a_filter("application", names=["bodhi"]),
        a_filter("text", words=["WORDS"]),
        a_filter("text", words=["other"]),
        a_filter("severity", at_least="error", negate=True),
    ]
    others = [
        replace(a_draft(asked[number % 5]), id=RuleId(f"r-{number}"), name=f"{number}")
        for number in range(1_000)
    ]
    found = await previewed(parts, *others)
    matching = tuple(f"{number}" for number in range(1_000) if number % 5 in {0, 2, 4})
    assert [each.other_rules for each in found.examples] == [matching, matching]
    assert (found.known, len(found.overlap)) == (2, 600)


async def test_when_time_is_over_what_was_judged_is_said_to_be_partial(parts: Parts) -> None:
    await handled(parts, some_messages(2, app="koji"), NOW)
    found = await previewed(parts, patience=timedelta())
    assert (found.partial, found.days) == (True, ())


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    asked=st.lists(filters(), max_size=3),
    other=st.lists(filters(), max_size=2),
    history=st.lists(st.tuples(messages(), st.integers(0, DAYS * 24 + 48)), max_size=12),
)
async def test_the_preview_is_what_the_rule_set_matches(
    parts: Parts, asked: list[Filter], other: list[Filter], history: list[tuple[Message, int]]
) -> None:
    await forget(parts)
    draft = a_draft(everything=True) if not asked else a_draft(*asked, everything=True)
    another = replace(a_draft(*other, everything=True), id=RuleId("r-2"), name="Other")
    expected: Counter[date] = Counter()
    known = 0
    mine = rule_set([preferences(draft, another)], groups=parts.directory)
    first = NOW.date() - timedelta(days=DAYS - 1)
    for number, (message, hours) in enumerate(history):
        at = NOW - timedelta(hours=hours)
        kept = replace(message, id=MessageId(f"m-{number}"))
        await handled(parts, [kept], at)
        names = [rule.name for rule in mine.match(kept).rules]
        if "Draft" in names and at.date() >= first:
            expected[at.date()] += 1
            known += "Other" in names
    found = await previewed(parts, another, draft=draft)
    assert dict(expected) == by_day(found)
    assert known == found.known


def _same(now: datetime) -> datetime:
    return now


async def forget(parts: Parts) -> None:
    """Empty the history."""
    async with writing(parts.engine) as connection:
        for table in ("message_keys", "messages", "seen"):
            await connection.execute(metadata.tables[table].delete())
