"""Home: what reached somebody and why, how much it was, and what needs a hand."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import DestinationState, MessageId, UserId, key_of
from fmn.preferences.values import Preferences
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import a_destination, a_rule, recorded, some_preferences
from tests.web import people
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
EMAIL = a_destination()
RULE = a_rule("updates")
NOW = datetime.now(UTC)


def delivery(
    number: int, state: State = State.SENT, user: str = "alice", **facts: Any
) -> list[LogLine]:
    """Return the lines of a message and of what became of it, the higher the number the older."""
    at = NOW - timedelta(minutes=number)
    reason = facts.pop("reason", None)
    rules = facts.pop("rules", (a_rule("updates", user=user).id,))
    message = a_message(f"{user}-{number}", **({"summary": f"news {number}"} | facts))
    told = a_destination(user=user)
    key = key_of(MessageId(message.id), told.id)
    return [Handled(message, at, 1, 1), Outcome(key, told.kind, rules, state, at, 1, reason)]


@pytest.fixture
async def alice(parts: Parts, signed_in_as: SignIn) -> Browser:
    """Somebody with one destination and one rule."""
    await people.saved(parts, some_preferences("alice"))
    return await signed_in_as("alice")


def rows(page: str) -> list[str]:
    """Return what the table of notifications says, a text for each row, without markup."""
    table = re.search(r'<table class="cards">.*?</table>', page, re.DOTALL)
    found = re.findall(r"<tr>\n?(.*?)</tr>", table[0] if table else "", re.DOTALL)[1:]
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", row)).split()) for row in found]


async def test_nobody_is_welcomed_and_shown_the_way_in(browser: Browser) -> None:
    answer = await browser.get("/")
    assert answer.status_code == 200
    assert 'href="/login"' in answer.text


async def test_what_reached_you_says_what_where_how_and_why(alice: Browser, parts: Parts) -> None:
    await recorded(parts.engine, *delivery(1, url="https://example.org/news/1", app="bodhi"))
    page = (await alice.get("/")).text
    (row,) = rows(page)
    at = NOW - timedelta(minutes=1)
    for words in ("news 1", f"{at:%Y-%m-%d %H:%M} UTC", "email", "sent", "“updates”", "Why?"):
        assert words in row
    assert '<a href="https://example.org/news/1"' in page
    assert '<a href="/why?message=alice-1"' in page


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (State.SUPPRESSED, "unconfirmed", "not sent the destination was not confirmed"),
        (State.SUPPRESSED, "paused", "not sent the destination was paused"),
        (State.RETRYING, "mail server away (421)", "trying again mail server away (421)"),
        (State.FAILED, "no such user (550)", "refused no such user (550)"),
        (State.DEAD, "out of attempts", "given up out of attempts"),
    ],
)
async def test_what_did_not_reach_you_says_why(
    alice: Browser, parts: Parts, state: State, reason: str, words: str
) -> None:
    await recorded(parts.engine, *delivery(1, state, reason=reason))
    (row,) = rows((await alice.get("/")).text)
    assert words in row


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", "//x"])
async def test_only_the_web_is_linked(alice: Browser, parts: Parts, url: str) -> None:
    await recorded(parts.engine, *delivery(1, url=url))
    page = (await alice.get("/")).text
    assert "news 1" in page
    assert url not in unescape(page)


async def test_older_pages_show_everything_once_the_newest_first(
    alice: Browser, parts: Parts
) -> None:
    lines = [line for number in range(60) for line in delivery(number)]
    await recorded(parts.engine, *lines)
    path, seen = "/", []
    while path:
        page = (await alice.get(path)).text
        seen += [re.findall(r"news \d+", row)[0] for row in rows(page)]
        further = re.search(r'<a href="([^"]*)">Older', page)
        path = unescape(further[1]) if further else ""
    assert seen == [f"news {number}" for number in range(60)]


@pytest.mark.parametrize("before", ["x", "2026-01-01T00:00:00 m-1:d", "2026-01-01T00:00:00+00:00"])
async def test_a_place_that_is_none_is_the_beginning(
    alice: Browser, parts: Parts, before: str
) -> None:
    await recorded(parts.engine, *delivery(1))
    answer = await alice.get("/", params={"before": before})
    assert (answer.status_code, len(rows(answer.text))) == (200, 1)


async def test_how_many_a_day_by_rule_and_by_kind(alice: Browser, parts: Parts) -> None:
    other = a_rule("builds")
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (EMAIL,), (RULE, other))
    await people.saved(parts, theirs)
    both = (RULE.id, other.id)
    await recorded(
        parts.engine,
        *delivery(0),
        *delivery(1, rules=both),
        *delivery(2 * 24 * 60, rules=both),
        *delivery(3, State.FAILED),
    )
    page = (await alice.get("/")).text
    assert "3 notifications in the last 14 days" in page
    table = page.partition("The same as a table")[2].partition("</table>")[0]
    headings = re.findall(r'<th scope="col"[^>]*>([^<]*)', table)
    counted = re.findall(r'<th scope="row">([^<]*)</th><td[^>]*>(\d+)</td><td[^>]*>(\d+)', table)
    found = {day: dict(zip(headings[1:], map(int, n), strict=True)) for day, *n in counted}
    assert len(found) == 14
    assert list(found)[-1] == f"{datetime.now(UTC):%d %b}"
    sums = {name: sum(day[name] for day in found.values()) for name in ("updates", "builds")}
    assert sums == {"updates": 3, "builds": 2}
    ago = f"{NOW - timedelta(days=2):%d %b}"
    assert found[ago] == {"updates": 1, "builds": 1}
    kinds = page.partition('id="chart-2-caption"')[2].partition("</table>")[0]
    once = map(int, re.findall(r'data-label="email">(\d+)<', kinds))
    assert (sum(once), "Sent each day, by kind<" in page) == (3, True)


async def test_what_is_silent_needs_a_hand(alice: Browser, parts: Parts) -> None:
    silent = (
        replace(a_destination("new"), state=DestinationState.UNCONFIRMED),
        replace(a_destination("old"), state=DestinationState.BOUNCING, reason="full (552)"),
        replace(a_destination("off"), state=DestinationState.PAUSED),
    )
    await people.saved(parts, replace(some_preferences("alice"), destinations=(EMAIL, *silent)))
    page = (await alice.get("/")).text
    for words in ("Needs a hand", "have one sent", "full (552)", "Resume it"):
        assert words in page


async def test_a_pause_that_is_over_needs_no_hand(alice: Browser, parts: Parts) -> None:
    over = replace(EMAIL, state=DestinationState.PAUSED, until=NOW - timedelta(hours=1))
    rule = replace(RULE, destinations=(over,))
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (over,), (rule,))
    await people.saved(parts, theirs)
    assert "Needs a hand" not in (await alice.get("/")).text


async def test_empty_states_name_the_next_step(signed_in_as: SignIn, parts: Parts) -> None:
    charlie = await signed_in_as("charlie")
    page = (await charlie.get("/")).text
    assert "You have no destination" in page
    assert "Nothing reached you yet" in page
    mine = replace(some_preferences("charlie"), rules=())
    await people.saved(parts, mine)
    assert "You have no rule" in (await charlie.get("/")).text


async def test_what_reached_others_is_not_here(alice: Browser, parts: Parts) -> None:
    await people.saved(parts, some_preferences("bob"))
    await recorded(parts.engine, *delivery(1, user="bob"))
    page = (await alice.get("/")).text
    assert rows(page) == []
    assert "bob" not in page


async def test_a_page_full_of_long_names_is_less_than_100_kb(alice: Browser, parts: Parts) -> None:
    name = "<&\"'>" * 40
    many = tuple(a_rule(f"{n}{name}"[:200]) for n in range(10))
    theirs = Preferences(UserId("id-of-alice"), "alice", (), (EMAIL,), many)
    await people.saved(parts, theirs)
    ids = tuple(rule.id for rule in many)
    lines = [line for n in range(30) for line in delivery(n, summary="<&>" * 10_000, rules=ids)]
    await recorded(parts.engine, *lines)
    answer = await alice.get("/")
    assert len(answer.content) < 100_000
    assert "<&" not in answer.text


@pytest.mark.parametrize(
    ("kind", "address", "said"),
    [
        ("email", "alice@example.org", "Open the link"),
        ("irc", "#fedora", "Type the code</a>"),
        ("birds", "owl:barn/of-the-barn-0", "when it answers what was sent there"),
        ("birds", "raven:tower/of-the-tower-0", "An operator must confirm it"),
        ("pigeon", "loft", "An operator must confirm it"),
    ],
)
async def test_what_confirms_a_destination_is_said(
    alice: Browser, parts: Parts, kind: str, address: str, said: str
) -> None:
    state = DestinationState.UNCONFIRMED
    waiting = replace(a_destination("new"), kind=kind, address=address, state=state)
    await people.saved(parts, replace(some_preferences("alice"), destinations=(EMAIL, waiting)))
    page = (await alice.get("/")).text
    ways = ("Open the link", "Type the code</a>", "when it answers", "An operator must confirm it")
    assert [way for way in ways if way in page] == [way for way in ways if way in said]
    assert said in page


@pytest.mark.parametrize("kind", ["email", "irc"])
async def test_what_comes_back_is_said_in_the_words_of_who_said_it(
    alice: Browser, parts: Parts, kind: str
) -> None:
    state, reason = DestinationState.BOUNCING, "550 <no such user>"
    back = replace(EMAIL, kind=kind, state=state, reason=reason)
    await people.saved(parts, replace(some_preferences("alice"), destinations=(back,)))
    page = (await alice.get("/")).text
    assert "what is sent comes back</span> 550 &lt;no such user&gt;" in page
    assert "Confirm it again" in page


async def test_a_rule_that_an_operator_stopped_needs_a_hand(alice: Browser, parts: Parts) -> None:
    assert "Needs a hand" not in (await alice.get("/")).text
    stopped = replace(RULE, blocked="floods the list")
    await people.saved(parts, some_preferences("alice", stopped))
    page = (await alice.get("/")).text
    needs = page.partition("Needs a hand")[2].partition("</section>")[0]
    assert "an operator stopped it</span>: floods the list" in needs
    assert f'href="/rules#rule-{RULE.id}"' in needs


async def test_who_is_signed_in_is_said(alice: Browser, browser: Browser) -> None:
    assert "Signed in as <strong>alice</strong>" in (await alice.get("/")).text
    assert "Signed in as" not in (await browser.get("/")).text
