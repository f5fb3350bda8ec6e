"""Signed links: what they do without a login, and what they never do."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import select

from fmn.links import Confirm, Links, Purpose, Stop, Undo
from fmn.model import DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.values import Preferences
from fmn.storage import tables
from fmn.storage.accounts import delete_account
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

EMAIL = a_destination()
PHONE = a_destination("phone")
BOTH = a_rule("builds", EMAIL, PHONE)
ONLY = a_rule("updates", EMAIL)
OTHER = a_rule("own work", EMAIL)
STOP = Stop(EMAIL.id, (BOTH.id, ONLY.id))
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def alice(parts: Parts) -> Preferences:
    """Somebody with three rules, of which a mail named the first two."""
    return await keep(parts, EMAIL)


async def keep(parts: Parts, email: Any) -> Preferences:
    rules = (a_rule("builds", email, PHONE), a_rule("updates", email), a_rule("own work", email))
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (email, PHONE), rules)
    await people.saved(parts, theirs)
    return theirs


async def now_of(parts: Parts) -> Preferences:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, "alice", parts.filters)
    assert found
    return found


async def telling_email(parts: Parts) -> list[str]:
    """Return names of the rules that tell the e-mail."""
    rules = (await now_of(parts)).rules
    return [r.name for r in rules if r.enabled and EMAIL.id in {d.id for d in r.destinations}]


def path_of(parts: Parts, purpose: Purpose) -> str:
    return f"/{type(purpose).__name__.lower()}/{parts.links.token(purpose)}"


def actions(page: str) -> list[str]:
    """Return where the forms of a page post to."""
    return [unescape(each) for each in re.findall(r'<form method="post" action="([^"]+)"', page)]


def token_of_the_past(links: Links, purpose: Purpose, age: timedelta) -> str:
    class Then(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time() - age.total_seconds())

    serializer = links._serializer(type(purpose))
    serializer.signer = Then
    made: str = serializer.dumps(list(vars_of(purpose)))
    return made


def vars_of(purpose: Purpose) -> list[Any]:
    return [getattr(purpose, name) for name in purpose.__slots__]


async def test_one_click_stops_all_rules_of_the_mail_for_its_destination(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    answer = await browser.post(path_of(parts, STOP), data=ONE_CLICK)
    assert answer.status_code == 200
    assert "“builds”, “updates” tell a***@example.org no more" in answer.text
    assert await telling_email(parts) == ["own work"]
    builds, updates, _ = (await now_of(parts)).rules
    assert [each.name for each in builds.destinations] == ["phone"]
    assert (builds.enabled, updates.enabled) == (True, False)


async def test_one_click_as_a_mail_program_may_post_it(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    files = {"List-Unsubscribe": (None, "One-Click")}  # multipart, as RFC 8058 prefers
    answer = await browser.post(path_of(parts, STOP), files=files)
    assert (answer.status_code, await telling_email(parts)) == (200, ["own work"])


async def test_the_feed_says_that_a_link_did_it(
    browser: Browser, parts: Parts, alice: Preferences, queues: FakeQueues
) -> None:
    await browser.post(path_of(parts, STOP), data=ONE_CLICK)
    feed = tables.preference_changes.c
    async with reading(parts.engine) as connection:
        last = (await connection.execute(select(feed.id, feed.by).order_by(feed.id))).all()[-1]
    assert (last.by, queues.nudges) == ("link", [last.id])


@pytest.mark.parametrize("purpose", [STOP, Undo(EMAIL.id, STOP.rules), Confirm(EMAIL.id)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_a_link_changes_nothing(
    browser: Browser, parts: Parts, purpose: Purpose, method: str
) -> None:
    before = await keep(parts, replace(EMAIL, state=DestinationState.UNCONFIRMED))
    answer = await browser.request(method, path_of(parts, purpose), params={"rule": ONLY.id})
    assert answer.status_code == (200 if method == "GET" else 405)
    assert await now_of(parts) == before


async def test_stopping_twice_is_like_once(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    await browser.post(path_of(parts, STOP), data=ONE_CLICK)
    once = await now_of(parts)
    answer = await browser.post(path_of(parts, STOP), data=ONE_CLICK)
    assert (answer.status_code, await now_of(parts)) == (200, once)
    assert "No rule that sent this mail tells a***@example.org any more" in answer.text
    assert not [at for at in actions(answer.text) if at.startswith("/undo")]


async def test_one_of_the_rules_can_be_stopped(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    page = (await browser.get(path_of(parts, STOP))).text
    one = next(at for at in actions(page) if "rule=alice-updates" in at)
    answer = await browser.post(one)
    assert answer.status_code == 200
    assert await telling_email(parts) == ["builds", "own work"]


async def test_a_rule_that_the_mail_does_not_name_cannot_be_stopped(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    answer = await browser.post(path_of(parts, STOP), params={"rule": OTHER.id})
    assert (answer.status_code, await now_of(parts)) == (404, alice)


async def test_undo_brings_back_what_was_stopped(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    page = (await browser.post(path_of(parts, STOP), data=ONE_CLICK)).text
    undo = next(at for at in actions(page) if at.startswith("/undo"))
    looked = await browser.get(undo)
    assert "would tell a***@example.org again" in looked.text
    answer = await browser.post(undo)
    assert "“builds”, “updates” tell a***@example.org again" in answer.text
    assert await telling_email(parts) == ["builds", "updates", "own work"]


async def test_undo_leaves_off_what_its_owner_had_turned_off(
    browser: Browser, parts: Parts
) -> None:
    off = replace(ONLY, enabled=False)
    rules = (BOTH, off)
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (EMAIL, PHONE), rules)
    await people.saved(parts, theirs)
    page = (await browser.post(path_of(parts, STOP), data=ONE_CLICK)).text
    await browser.post(next(at for at in actions(page) if at.startswith("/undo")))
    assert await telling_email(parts) == ["builds"]


async def test_undo_turns_nothing_on_that_its_owner_turned_off_since(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    page = (await browser.post(path_of(parts, STOP), data=ONE_CLICK)).text
    undo = next(at for at in actions(page) if at.startswith("/undo"))
    now = await now_of(parts)
    off = tuple(replace(rule, enabled=False) for rule in now.rules)
    await people.saved(parts, replace(now, rules=off))
    answer = await browser.post(undo)
    assert "“updates” tells a***@example.org again" in answer.text
    on = [rule.name for rule in (await now_of(parts)).rules if rule.enabled]
    assert on == ["updates"]  # the link turned that one off, and nobody touched it since


async def test_undo_says_where_there_is_nothing_to_undo(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    page = (await browser.post(path_of(parts, STOP), params={"rule": ONLY.id})).text
    undo = next(at for at in actions(page) if at.startswith("/undo"))
    now = await now_of(parts)
    changed = tuple(replace(rule, name=f"{rule.name} anew") for rule in now.rules)
    await people.saved(parts, replace(now, rules=changed))
    before = await now_of(parts)
    for answer in (await browser.get(undo), await browser.post(undo)):
        assert "It cannot be undone any more" in answer.text
    assert await now_of(parts) == before


@pytest.mark.parametrize(("length", "days"), [("day", 1), ("week", 7)])
async def test_a_link_pauses_and_goes_on(
    browser: Browser, parts: Parts, alice: Preferences, length: str, days: int
) -> None:
    at = f"{path_of(parts, STOP)}/pause"
    before = datetime.now(UTC)
    page = (await browser.post(at, data={"for": length})).text
    paused, phone = (await now_of(parts)).destinations
    assert (paused.state, phone.state) == (DestinationState.PAUSED, DestinationState.ACTIVE)
    assert paused.until
    assert timedelta(0) <= paused.until - before - timedelta(days=days) < timedelta(minutes=1)
    await browser.post(next(at for at in actions(page) if at.endswith("/resume")))
    assert await now_of(parts) == alice


@pytest.mark.parametrize("length", ["", "open", "hour", "for ever"])
async def test_a_link_pauses_no_longer_than_a_week(
    browser: Browser, parts: Parts, alice: Preferences, length: str
) -> None:
    answer = await browser.post(f"{path_of(parts, STOP)}/pause", data={"for": length})
    assert (answer.status_code, await now_of(parts)) == (422, alice)


@pytest.mark.parametrize("deed", ["pause", "resume"])
async def test_the_owners_own_pause_stays(browser: Browser, parts: Parts, deed: str) -> None:
    before = await keep(parts, replace(EMAIL, state=DestinationState.PAUSED))
    answer = await browser.post(f"{path_of(parts, STOP)}/{deed}", data={"for": "day"})
    assert (answer.status_code, await now_of(parts)) == (200, before)


async def test_an_address_is_confirmed_by_the_button_of_its_link(
    browser: Browser, parts: Parts
) -> None:
    await keep(parts, replace(EMAIL, state=DestinationState.UNCONFIRMED))
    page = await browser.get(path_of(parts, Confirm(EMAIL.id)))
    assert "Yes, confirm this address" in page.text
    answer = await browser.post(path_of(parts, Confirm(EMAIL.id)))
    assert (answer.status_code, "Confirmed" in answer.text) == (200, True)
    assert (await now_of(parts)).destinations[0].state is DestinationState.ACTIVE


async def test_a_link_read_by_a_whole_channel_confirms_nothing(
    browser: Browser, parts: Parts
) -> None:
    channel = replace(EMAIL, kind="irc", address="#fedora", state=DestinationState.UNCONFIRMED)
    before = await keep(parts, channel)
    answer = await browser.post(path_of(parts, Confirm(EMAIL.id)))
    assert "cannot confirm" in answer.text
    assert await now_of(parts) == before


async def test_a_confirmation_does_not_end_a_pause(browser: Browser, parts: Parts) -> None:
    before = await keep(parts, replace(EMAIL, state=DestinationState.PAUSED))
    await browser.post(path_of(parts, Confirm(EMAIL.id)))
    assert await now_of(parts) == before


@pytest.mark.parametrize(
    ("purpose", "age"),
    [
        (Confirm(EMAIL.id), timedelta(days=1, minutes=1)),
        (Undo(EMAIL.id, STOP.rules), timedelta(days=7, minutes=1)),
        (STOP, timedelta(days=90, minutes=1)),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_old_link_works_no_more(
    browser: Browser, parts: Parts, purpose: Purpose, age: timedelta, method: str
) -> None:
    before = await keep(parts, replace(EMAIL, state=DestinationState.UNCONFIRMED))
    name = type(purpose).__name__.lower()
    old = token_of_the_past(parts.links, purpose, age)
    young = token_of_the_past(parts.links, purpose, age - timedelta(minutes=2))
    assert (await browser.request(method, f"/{name}/{old}")).status_code == 410
    assert await now_of(parts) == before
    assert (await browser.get(f"/{name}/{young}")).status_code == 200


@pytest.mark.parametrize("path", ["stop", "undo", "confirm"])
async def test_a_link_is_good_for_one_purpose(
    browser: Browser, parts: Parts, alice: Preferences, path: str
) -> None:
    purposes: list[Purpose] = [STOP, Undo(EMAIL.id, STOP.rules), Confirm(EMAIL.id)]
    others = [each for each in purposes if type(each).__name__.lower() != path]
    cut = parts.links.token(next(each for each in purposes if each not in others))[:-1]
    for token in [*map(parts.links.token, others), cut, "x"]:
        for at in (f"/{path}/{token}", f"/{path}/{token}/pause"):
            assert (await browser.post(at, data={"for": "day"})).status_code in {404, 410}
    assert await now_of(parts) == alice


@pytest.mark.parametrize("deed", ["", "/pause", "/resume"])
@pytest.mark.parametrize("gone", ["destination", "account"])
async def test_what_was_deleted_is_said_kindly(
    browser: Browser, parts: Parts, alice: Preferences, gone: str, deed: str
) -> None:
    if gone == "account":
        async with writing(parts.engine) as connection:
            await delete_account(connection, alice.id)
    else:
        await people.saved(parts, replace(alice, destinations=(), rules=()))
    answer = await browser.post(path_of(parts, STOP) + deed, data={"for": "day"})
    assert (answer.status_code, "Nothing comes there any more" in answer.text) == (200, True)
    for purpose in (STOP, Undo(EMAIL.id, STOP.rules), Confirm(EMAIL.id)):
        assert (await browser.get(path_of(parts, purpose))).status_code == 200


async def test_nothing_private_is_on_the_pages(
    browser: Browser, parts: Parts, alice: Preferences
) -> None:
    for purpose in (STOP, Undo(EMAIL.id, STOP.rules), Confirm(EMAIL.id)):
        page = (await browser.get(path_of(parts, purpose))).text
        assert "a***@example.org" in page
        assert "alice+email" not in page
        assert "own work" not in page


async def test_a_link_works_while_redis_is_away(
    browser: Browser, parts: Parts, alice: Preferences, queues: FakeQueues
) -> None:
    queues.away = True
    answer = await browser.post(path_of(parts, STOP), data=ONE_CLICK)
    assert (answer.status_code, await telling_email(parts)) == (200, ["own work"])


async def test_names_are_not_markup(browser: Browser, parts: Parts) -> None:
    rule = replace(ONLY, name="<script>x</script>")
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (EMAIL, PHONE), (rule,))
    await people.saved(parts, theirs)
    link = Stop(DestinationId(EMAIL.id), (RuleId(rule.id),))
    for page in (await browser.get(path_of(parts, link)), await browser.post(path_of(parts, link))):
        assert "<script>x" not in page.text
        assert "&lt;script&gt;x" in page.text
