from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Handled, Outcome, State
from fmn.model import (
    DestinationId,
    Message,
    MessageId,
    Ownership,
    RuleId,
    UserId,
    is_own,
    key_of,
)
from fmn.storage.engine import reading
from fmn.storage.lookback import (
    Count,
    Judged,
    Reached,
    daily,
    last_word,
    message_of,
    outcomes,
    reached,
    sent_since,
)
from tests.storage.factories import NOON, a_destination, a_rule, recorded, saved, some_preferences

ALICE, BOB = UserId("id-of-alice"), UserId("id-of-bob")
EMAIL = a_destination().id
UPDATES, BUILDS = a_rule("updates"), a_rule("builds")


def a_message(message_id: str = "m", **changes: Any) -> Message:
    facts = {"topic": "org.example.build", "app": "koji", "summary": f"{message_id} was built"}
    return Message(MessageId(message_id), **(facts | changes))


def handled(message: Message, *, minutes: int = 0) -> Handled:
    return Handled(message, NOON + timedelta(minutes=minutes), version=7, notifications=1)


def told(
    message: str = "m",
    destination: DestinationId = EMAIL,
    at: datetime = NOON,
    state: State = State.SENT,
    *rules: RuleId,
) -> Outcome:
    key = key_of(MessageId(message), destination)
    return Outcome(key, "email", rules or (UPDATES.id,), state, at, attempts=1)


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


async def people(engine: AsyncEngine) -> None:
    """Save alice, who has two rules, and bob."""
    await saved(engine, some_preferences("alice", UPDATES, BUILDS))
    await saved(engine, some_preferences("bob"))


async def newest(engine: AsyncEngine, user: UserId = ALICE, **choice: Any) -> list[Reached]:
    async with reading(engine) as connection:
        return await reached(connection, user, **choice)


async def counted(
    engine: AsyncEngine, zone: Any = UTC, since: datetime = NOON - timedelta(days=30)
) -> list[Count]:
    async with reading(engine) as connection:
        return await daily(connection, ALICE, since=since, zone=zone)


async def shown(engine: AsyncEngine, id_or_url: str, viewer: str = "alice") -> str | None:
    async with reading(engine) as connection:
        judged = await message_of(connection, id_or_url, viewer=viewer)
    return None if judged is None else judged.message.id


async def test_what_reached_a_user_is_told_with_all_about_it(engine: AsyncEngine) -> None:
    await people(engine)
    line = replace(
        told(state=State.FAILED), rules=(BUILDS.id, UPDATES.id), attempts=3, reason="550 no"
    )
    await recorded(engine, handled(a_message(url="https://koji.example.org/1")), line)
    expected = Reached(
        key=f"m:{EMAIL}",
        message=MessageId("m"),
        summary="m was built",
        url="https://koji.example.org/1",
        app="koji",
        destination=EMAIL,
        name="email",
        kind="email",
        rules={BUILDS.id: "builds", UPDATES.id: "updates"},
        state=State.FAILED,
        reason="550 no",
        attempts=3,
        at=NOON,
    )
    assert await newest(engine) == [expected]


async def test_what_reached_others_is_not_told(engine: AsyncEngine) -> None:
    await people(engine)
    await recorded(engine, told("his", a_destination(user="bob").id), told("hers"))
    assert [each.message for each in await newest(engine)] == ["hers"]
    assert [each.message for each in await newest(engine, BOB)] == ["his"]


async def test_the_newest_come_first_page_by_page(engine: AsyncEngine) -> None:
    await people(engine)
    # Three at one moment, so that a page ends among them.
    times = [0, 1, 1, 1, 2]
    await recorded(engine, *(told(f"{n}", at=later(minute)) for n, minute in enumerate(times)))
    pages = []
    before = None
    while page := await newest(engine, before=before, limit=2):
        pages.append([each.message for each in page])
        before = (page[-1].at, page[-1].key)
    assert pages == [["4", "3"], ["2", "1"], ["0"]]


async def test_tests_and_confirmations_are_no_news(engine: AsyncEngine) -> None:
    await people(engine)
    own = [told("fmn-own-test-1f"), told("fmn-own-confirm-2e")]
    await recorded(engine, *own, told("FMN-OWN-not"), told("fmn"))
    assert {each.message for each in await newest(engine)} == {"FMN-OWN-not", "fmn"}
    assert [each.sent for each in await counted(engine)] == [2]
    async with reading(engine) as connection:
        assert await sent_since(connection, ALICE, since=NOON) == 2


def test_an_own_message_is_known_by_how_its_id_begins() -> None:
    assert is_own("fmn-own-test-1f")
    assert not is_own("urn:fmn-own-test-1f")


async def test_what_was_deleted_keeps_its_name(engine: AsyncEngine) -> None:
    await people(engine)
    await recorded(engine, told("m", EMAIL, NOON, State.SENT, UPDATES.id, RuleId("of nobody")))
    await saved(engine, replace(some_preferences("alice"), destinations=(), rules=()))
    (found,) = await newest(engine)
    assert (found.name, found.rules) == (
        "email",
        {UPDATES.id: "updates", "of nobody": "of nobody"},
    )


async def test_a_message_that_is_no_longer_there_leaves_its_delivery(engine: AsyncEngine) -> None:
    await people(engine)
    await recorded(engine, told())
    (found,) = await newest(engine)
    assert (found.summary, found.url, found.app, found.state) == ("", None, None, State.SENT)


async def test_of_a_private_message_only_the_named_see_what_it_says(engine: AsyncEngine) -> None:
    await people(engine)
    hers = a_message("hers", private=True, users=frozenset({"alice"}), url="u")
    his = a_message("his", private=True, agent="bob", url="u")
    await recorded(engine, handled(hers), handled(his), told("hers"), told("his"))
    found = {each.message: (each.summary, each.url, each.app) for each in await newest(engine)}
    assert found == {"hers": ("hers was built", "u", "koji"), "his": ("", None, None)}


async def test_outcomes_of_a_message_come_by_destination_name(engine: AsyncEngine) -> None:
    email, irc = a_destination(), a_destination("aaa")
    await saved(engine, replace(some_preferences(), destinations=(email, irc)))
    await saved(engine, some_preferences("bob"))
    bobs = a_destination(user="bob").id
    await recorded(
        engine, told(), told("m", irc.id), told("m", bobs), told("other"), handled(a_message())
    )
    async with reading(engine) as connection:
        found = await outcomes(connection, ALICE, MessageId("m"))
    assert [(each.name, each.summary) for each in found] == [
        ("aaa", "m was built"),
        ("email", "m was built"),
    ]


async def test_the_last_word_of_each_destination_may_be_a_test(engine: AsyncEngine) -> None:
    email, irc, quiet = a_destination(), a_destination("irc"), a_destination("quiet")
    gone = a_destination("gone")
    mine = replace(some_preferences(), destinations=(email, irc, quiet, gone))
    await saved(engine, mine)
    await recorded(
        engine,
        told("old", at=later(1)),
        told("fmn-own-test-1", at=later(2), state=State.FAILED),
        told("new", irc.id, later(3)),
        told("older", irc.id, later(2)),
        told("m", gone.id, later(9)),
    )
    await saved(engine, replace(mine, destinations=(email, irc, quiet)))
    async with reading(engine) as connection:
        found = await last_word(connection, ALICE)
    assert {id_: (each.message, each.state) for id_, each in found.items()} == {
        email.id: ("fmn-own-test-1", State.FAILED),
        irc.id: ("new", State.SENT),
    }


async def test_what_was_sent_is_counted_by_day_rule_and_kind(engine: AsyncEngine) -> None:
    await people(engine)
    both = (UPDATES.id, BUILDS.id)
    await recorded(
        engine,
        told("1", EMAIL, NOON, State.SENT, *both),
        told("2"),
        replace(told("3"), kind="irc"),
        told("4", at=NOON + timedelta(days=1)),
        told("5", state=State.HELD),
        told("6", at=NOON - timedelta(days=31)),
        told("7", a_destination(user="bob").id),
    )
    first, second = date(2026, 3, 29), date(2026, 3, 30)
    assert await counted(engine) == [
        Count(first, BUILDS.id, "email", 1),
        Count(first, UPDATES.id, "email", 2),
        Count(first, UPDATES.id, "irc", 1),
        Count(second, UPDATES.id, "email", 1),
    ]
    async with reading(engine) as connection:
        assert await sent_since(connection, ALICE, since=NOON) == 4
        assert await sent_since(connection, ALICE, since=later(1)) == 1


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        (UTC, datetime(2026, 3, 29, tzinfo=UTC)),
        (ZoneInfo("Asia/Kathmandu"), datetime(2026, 3, 28, 18, 15, tzinfo=UTC)),
        (ZoneInfo("Australia/Adelaide"), datetime(2026, 3, 28, 13, 30, tzinfo=UTC)),
        (ZoneInfo("Europe/Berlin"), datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),
        (timezone(-timedelta(hours=5)), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
    ],
    ids=str,
)
async def test_a_day_begins_at_midnight_where_the_user_is(
    engine: AsyncEngine, zone: Any, midnight: datetime
) -> None:
    await people(engine)
    moment = timedelta(seconds=0.6)
    await recorded(engine, told("1", at=midnight - moment), told("2", at=midnight))
    assert [(each.day, each.sent) for each in await counted(engine, zone)] == [
        (date(2026, 3, 28), 1),
        (date(2026, 3, 29), 1),
    ]


async def test_the_day_when_clocks_change_ends_an_hour_sooner(engine: AsyncEngine) -> None:
    await people(engine)
    end = datetime(2026, 3, 29, 22, 0, tzinfo=UTC)  # 23 hours after it began in Berlin
    await recorded(engine, told("1", at=end - timedelta(seconds=1)), told("2", at=end))
    days = [each.day for each in await counted(engine, ZoneInfo("Europe/Berlin"))]
    assert days == [date(2026, 3, 29), date(2026, 3, 30)]


async def test_a_message_is_looked_up_by_id_with_who_judged(engine: AsyncEngine) -> None:
    owners = (Ownership("rpms/kernel", frozenset({"alice"})),)
    message = a_message(owners=owners, body=b'{"build": 1}', sent_at=NOON)
    await recorded(engine, handled(message, minutes=5))
    async with reading(engine) as connection:
        found = await message_of(connection, "m", viewer="alice")
    assert found == Judged(message, later(5), 7)
    assert await shown(engine, "n") is None


async def test_a_url_leads_to_the_newest_message_with_it(engine: AsyncEngine) -> None:
    await recorded(
        engine,
        handled(a_message("old", url="https://example.org"), minutes=1),
        handled(a_message("new", url="https://example.org"), minutes=3),
        handled(a_message("older", url="https://example.org"), minutes=2),
        handled(a_message("other", url="https://example.org/"), minutes=4),
        handled(a_message("https://example.org/"), minutes=0),
    )
    assert await shown(engine, "https://example.org") == "new"
    assert await shown(engine, "https://example.org/") == "https://example.org/", "an id is first"
    assert await shown(engine, "") is None
    assert await shown(engine, "\0" * 5000) is None


async def test_a_private_message_is_nobodys_whom_it_does_not_name(engine: AsyncEngine) -> None:
    await recorded(
        engine,
        handled(a_message("public", url="u"), minutes=1),
        handled(a_message("done", url="u", private=True, agent="bob"), minutes=2),
        handled(a_message("told", url="u", private=True, users=frozenset({"alice"})), minutes=3),
    )
    assert [await shown(engine, "u", who) for who in ("alice", "bob", "charlie")] == [
        "told",
        "done",
        "public",
    ]
    assert [await shown(engine, "told", who) for who in ("alice", "bob")] == ["told", None]
