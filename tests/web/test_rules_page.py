"""The page of rules: each as a sentence, how loud it is, and what can be done with it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import update

from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import DestinationState, MessageId, RuleId, key_of
from fmn.preferences import edits
from fmn.preferences.defaults import Defaults
from fmn.rules.filters.application import Application
from fmn.rules.rule import Rule
from fmn.storage import tables
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user
from fmn.web.pages.rules import PAGE
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import a_destination, a_rule, recorded, some_preferences
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
NOW = datetime.now(UTC).replace(hour=12)
"""Noon of today: sessions are of today, and nothing happens about midnight."""
BUILDS = replace(a_rule("builds"), filters=(Application(names=("koji",)),))
UPDATES = a_rule("updates")


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """Parts whose clock stands still, with a default rule."""
    start = replace(a_rule("start"), origin="default")
    return replace(parts, now=lambda: NOW, defaults=Defaults((start,)))


@pytest.fixture
async def alice(parts: Parts, signed_in_as: SignIn) -> Browser:
    """Somebody with two rules."""
    await people.saved(parts, some_preferences("alice", BUILDS, UPDATES))
    return await signed_in_as("alice")


async def rules_of(parts: Parts, user: str = "alice") -> tuple[Rule, ...]:
    async with reading(parts.engine) as connection:
        preferences = await load_user(connection, user, parts.filters)
    assert preferences
    return preferences.rules


def sent(name: str, at: datetime, *rules: Rule, state: State = State.SENT) -> list[LogLine]:
    """Return the log of one message that these rules chose for alice."""
    message, told = a_message(name), a_destination()
    ids = tuple(rule.id for rule in rules)
    outcome = Outcome(key_of(MessageId(name), told.id), told.kind, ids, state, at, attempts=1)
    return [Handled(message, at, 1, 1), outcome]


async def older(parts: Parts) -> None:
    """Let everybody have come fourteen days ago."""
    async with writing(parts.engine) as connection:
        await connection.execute(update(tables.users).values(created=NOW - timedelta(days=14)))


def said_of(answer: Response, rule: Rule) -> str:
    """Return the words of the page about one rule."""
    start = answer.text.index(f'<article class="card" id="rule-{rule.id}"')
    card = re.match(r".*?</article>", answer.text[start:], re.DOTALL)
    assert card
    return " ".join(re.sub(r"<[^>]*>", " ", card[0]).split())


async def test_each_rule_is_a_sentence(alice: Browser) -> None:
    said = said_of(await alice.get("/rules"), BUILDS)
    assert "builds When a message comes from koji, tell email." in said
    assert " on " in said


async def test_who_has_no_destination_adds_one_first(signed_in_as: SignIn) -> None:
    page = (await (await signed_in_as("charlie")).get("/rules")).text
    assert 'href="/destinations#add"' in page
    assert 'href="/rules/new"' not in page


async def test_who_has_no_rule_is_led_to_the_first(parts: Parts, signed_in_as: SignIn) -> None:
    await people.saved(parts, replace(some_preferences("bob"), rules=()))
    page = (await (await signed_in_as("bob")).get("/rules")).text
    assert "Write your first rule" in page
    assert "Bring the default rules back" in page


async def test_a_rule_is_as_loud_as_its_share_of_seven_days(alice: Browser, parts: Parts) -> None:
    week, before = NOW - timedelta(days=6), NOW - timedelta(days=7)
    for number in range(3):
        await recorded(parts.engine, *sent(f"b-{number}", week, BUILDS))
    await recorded(parts.engine, *sent("u-1", NOW, UPDATES), *sent("u-2", before, UPDATES))
    page = await alice.get("/rules")
    assert "3 notifications: 75% of all you got" in said_of(page, BUILDS)
    assert "1 notification: 25% of all you got" in said_of(page, UPDATES)


async def test_what_another_rule_chose_too_is_overlap(alice: Browser, parts: Parts) -> None:
    await recorded(parts.engine, *sent("both", NOW, BUILDS, UPDATES))
    await recorded(parts.engine, *sent("one", NOW, BUILDS))
    page = await alice.get("/rules")
    assert "1 of its latest 2 came by another rule, too" in said_of(page, BUILDS)
    assert "1 of its latest 1 came by another rule, too" in said_of(page, UPDATES)


async def test_a_rule_that_chose_nothing_for_fourteen_days_says_so(
    alice: Browser, parts: Parts
) -> None:
    silent = "sent nothing in 14 days"
    await older(parts)
    await recorded(parts.engine, *sent("old", NOW - timedelta(days=14), BUILDS, UPDATES))
    page = await alice.get("/rules")
    assert (silent in said_of(page, BUILDS), silent in said_of(page, UPDATES)) == (True, True)
    at = NOW - timedelta(days=13)
    await recorded(parts.engine, *sent("new", at, BUILDS, state=State.SUPPRESSED))
    page = await alice.get("/rules")
    assert (silent in said_of(page, BUILDS), silent in said_of(page, UPDATES)) == (False, True)


async def test_the_rules_of_a_new_user_had_no_time_to_be_silent(alice: Browser) -> None:
    assert "sent nothing" not in said_of(await alice.get("/rules"), BUILDS)


@pytest.mark.parametrize("what", ["delete", "off"])
async def test_what_takes_away_looks_so(alice: Browser, what: str) -> None:
    page = (await alice.get("/rules")).text
    form = page.partition(f'action="/rules/{BUILDS.id}/{what}"')[2].partition("</form>")[0]
    assert f'<button class="{"danger" if what == "delete" else "quiet"}">' in form


async def test_a_rule_that_tells_only_the_unconfirmed_says_so(alice: Browser, parts: Parts) -> None:
    email, irc = (
        replace(a_destination(name), state=DestinationState.UNCONFIRMED)
        for name in ("email", "irc")
    )
    mine = some_preferences("alice", replace(BUILDS, destinations=(email, irc)))
    await people.saved(parts, replace(mine, destinations=(email, irc)))
    said = "tells nobody until email or irc is confirmed"
    assert said in said_of(await alice.get("/rules"), BUILDS)
    both = (replace(email, state=DestinationState.ACTIVE), irc)
    mine = some_preferences("alice", replace(BUILDS, destinations=both))
    await people.saved(parts, replace(mine, destinations=both))
    assert "tells nobody" not in said_of(await alice.get("/rules"), BUILDS)


async def test_a_rule_is_turned_off_and_on(alice: Browser, parts: Parts) -> None:
    answer = await alice.submit(f"/rules/{BUILDS.id}/off")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?said=saved")
    assert [(each.id, each.enabled) for each in await rules_of(parts)] == [
        (BUILDS.id, False),
        (UPDATES.id, True),
    ]
    assert "Turn on" in said_of(await alice.get("/rules"), BUILDS)
    await alice.submit(f"/rules/{BUILDS.id}/on")
    assert (await rules_of(parts)) == (BUILDS, UPDATES)


async def test_a_deleted_rule_is_brought_back(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    await alice.submit(f"/rules/{BUILDS.id}/delete")
    assert (await rules_of(parts)) == (UPDATES,)
    page = (await alice.get("/rules?said=deleted")).text
    top, _, rest = page.partition("<h1>")
    for part in (top, rest):
        assert f'action="/rules/{BUILDS.id}/restore"' in part
    assert "Bring it back" not in (await alice.get("/rules")).text
    answer = await alice.submit(f"/rules/{BUILDS.id}/restore")
    assert answer.headers["location"] == "/rules?said=restored"
    assert (await rules_of(parts)) == (UPDATES, BUILDS)
    assert len(queues.nudges) == 2


async def test_a_name_that_was_taken_in_between_keeps_a_rule_deleted(
    alice: Browser, parts: Parts
) -> None:
    other = replace(UPDATES, id=RuleId("alice-2"), name="BUILDS")
    await people.saved(parts, some_preferences("alice", other))
    answer = await alice.submit(f"/rules/{BUILDS.id}/restore")
    assert answer.status_code == 409
    assert "another rule of the user has this name" in answer.text
    assert (await rules_of(parts)) == (other,)


async def test_a_rule_that_would_tell_nobody_stays_deleted(alice: Browser, parts: Parts) -> None:
    irc = a_destination("irc")
    there = some_preferences("alice", replace(BUILDS, destinations=(irc,)))
    both = replace(there, destinations=(*there.destinations, irc))
    await people.saved(parts, both)
    await people.saved(parts, edits.delete_rule(both, BUILDS.id))
    await people.saved(parts, replace(there, rules=()))
    answer = await alice.submit(f"/rules/{BUILDS.id}/restore")
    assert answer.status_code == 409
    assert (await rules_of(parts)) == ()


async def test_the_default_rules_come_back_marked_as_such(
    app: FastAPI, alice: Browser, parts: Parts
) -> None:
    answer = await alice.submit("/rules")
    assert answer.headers["location"] == "/rules?said=reset"
    back = next(rule for rule in await rules_of(parts) if rule.name == "start")
    assert back.origin == "default"
    assert "default rule" in said_of(await alice.get("/rules"), back)


async def test_a_stopped_rule_says_why(alice: Browser, parts: Parts) -> None:
    mine = some_preferences("alice", BUILDS, UPDATES)
    await people.saved(parts, edits.block_rule(mine, BUILDS.id, "floods the list"))
    said = said_of(await alice.get("/rules"), BUILDS)
    assert "an operator stopped it : floods the list" in said
    assert (" on " in said, "sent nothing" in said) == (False, False)


@pytest.mark.parametrize("what", ["on", "off", "delete", "restore"])
async def test_rules_of_others_are_not_found(alice: Browser, parts: Parts, what: str) -> None:
    bobs = some_preferences("bob")
    await people.saved(parts, bobs)
    assert (await alice.submit(f"/rules/{bobs.rules[0].id}/{what}")).status_code == 404
    assert bobs.rules == await rules_of(parts, "bob")


@pytest.mark.parametrize("what", ["", "/alice-builds/off", "/alice-builds/delete"])
async def test_a_form_that_is_not_ours_is_refused(alice: Browser, parts: Parts, what: str) -> None:
    assert (await alice.post(f"/rules{what}", data={"csrf": "wrong"})).status_code == 403
    assert (await rules_of(parts)) == (BUILDS, UPDATES)


async def test_many_rules_stand_on_pages(alice: Browser, parts: Parts) -> None:
    many = [a_rule(f"rule {number}") for number in range(PAGE + 1)]
    await people.saved(parts, some_preferences("alice", *many))
    page = (await alice.get("/rules")).text
    assert (page.count("<article"), f"/rules?start={PAGE}" in page) == (PAGE, True)
    assert (await alice.get(f"/rules?start={PAGE}")).text.count("<article") == 1


async def test_names_and_values_are_never_markup(alice: Browser, parts: Parts) -> None:
    evil = replace(BUILDS, name="<b>x", filters=(Application(names=("<i>y",)),))
    await people.saved(parts, some_preferences("alice", evil))
    for path in ("/rules", f"/rules/{evil.id}"):
        page = (await alice.get(path)).text
        assert "&lt;b&gt;x" in page
        assert "&lt;i&gt;y" in page
        assert "<b>x" not in page
        assert "<i>y" not in page
