"""Confirming addresses of every kind: what is sent there, and codes typed on the page and sent."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from fmn.emission import Outcome, State
from fmn.links import Confirm, Links
from fmn.model import Destination, DestinationState, MessageId, UserId, key_of
from fmn.preferences.values import Preferences
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, recorded
from tests.web import people
from tests.web.callers import caller, problem
from tests.web.conftest import SIGNED_WITH
from tests.web.editing import says
from tests.web.fakes import FakeQueues
from tests.web.people import SITE, Browser

NOW = datetime.now(UTC)
"""The clock stands still: a day that ends would change what is yesterday's."""
UNCONFIRMED = DestinationState.UNCONFIRMED
NICK = replace(a_destination("nick"), kind="irc", address="alice", state=UNCONFIRMED)
CHANNEL = replace(a_destination("channel"), kind="irc", address="#fedora", state=UNCONFIRMED)
OWL = replace(NICK, kind="birds", address="owl:barn/of-the-barn-0")
RAVEN = replace(NICK, kind="birds", address="raven:tower/of-the-tower-0")
EMAIL = replace(a_destination(), state=UNCONFIRMED)
PIGEON = replace(NICK, kind="pigeon", address="the loft")
BOBS = replace(NICK, user="bob", id=a_destination("nick", user="bob").id)

Confirms = Callable[[Destination, str], Awaitable[httpx.Response]]


@pytest.fixture
async def parts(parts: Parts) -> Parts:
    return replace(parts, now=lambda: NOW, push_key="a key")


@pytest.fixture
async def alice(parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    """Somebody with destinations that wait."""
    await keep(parts, NICK, CHANNEL, EMAIL)
    return await signed_in_as("alice")


@pytest.fixture(params=["page", "API"])
async def confirms(request: pytest.FixtureRequest, app: FastAPI, alice: Browser) -> Confirms:
    """Type a code as alice."""
    if request.param == "page":
        return lambda to, code: alice.submit(f"/destinations/{to.id}/code", code=code)
    api = await caller(app, "alice")
    return lambda to, code: api.post(f"/destinations/{to.id}/code", json={"code": code})


async def keep(parts: Parts, *destinations: Destination, user: str = "alice") -> None:
    theirs = Preferences(UserId(f"id-of-{user}"), user, (), destinations)
    await people.saved(parts, theirs)


async def now_of(parts: Parts, name: str = "alice") -> tuple[Destination, ...]:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, name, parts.filters)
    assert found
    return found.destinations


async def is_active(parts: Parts, to: Destination) -> bool:
    found = {each.id: each.state for each in await now_of(parts, to.user)}
    return found[to.id] is DestinationState.ACTIVE


def code_of(parts: Parts, to: Destination, *, days: int = 0) -> str:
    """Return the code that was sent there so many days ago."""
    return parts.links.code(to.id, NOW - timedelta(days=days))


async def test_a_code_reads_right_to_its_owner_and_to_an_operator_of_a_channel(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    await alice.submit(f"/destinations/{CHANNEL.id}/again")
    ((letter, notification),) = queues.told
    assert (notification.destination, dict(notification.rules)) == (CHANNEL, {})
    code = code_of(parts, CHANNEL)
    for words in (
        "alice asked",
        "“channel”",
        "to #fedora",
        code,
        f"{SITE}/destinations",
        "give it",
    ):
        assert words in letter.text
    assert letter.summary == "alice asks: shall notifications come here?"
    assert json.loads(letter.body) == {"code": code, "user": "alice"}
    assert (letter.topic, letter.app, letter.url) == ("fmn.confirmation", "fmn", None)
    assert "confirm/" not in letter.text, "a link would let every reader of a channel confirm"


async def test_what_must_answer_is_told_what(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    await keep(parts, OWL)
    await alice.submit(f"/destinations/{OWL.id}/again")
    ((letter, _),) = queues.told
    assert json.loads(letter.body) == {"code": code_of(parts, OWL), "user": "alice"}
    assert "alice asked" in letter.text
    assert f"answer this with the code: {code_of(parts, OWL)}" in letter.text
    assert "of-the-barn" not in letter.text


async def test_a_mail_has_a_link_and_no_code(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    await alice.submit(f"/destinations/{EMAIL.id}/again")
    ((letter, _),) = queues.told
    assert letter.url
    assert letter.url.startswith(f"{SITE}/confirm/")
    assert (letter.body, code_of(parts, EMAIL) in letter.text) == (b"null", False)


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code,
        lambda code: f"  {code.lower()} ",
        lambda code: code.replace("-", " "),
        lambda code: code.replace("-", ""),
    ],
)
async def test_the_code_confirms_however_it_is_typed(
    confirms: Confirms, parts: Parts, typed: Callable[[str], str]
) -> None:
    answer = await confirms(NICK, typed(code_of(parts, NICK)))
    assert answer.status_code in {200, 303}
    assert await is_active(parts, NICK)
    assert not await is_active(parts, CHANNEL)


async def test_what_is_said_of_a_right_code(alice: Browser, app: FastAPI, parts: Parts) -> None:
    page = await alice.submit(f"/destinations/{NICK.id}/code", code=code_of(parts, NICK))
    assert page.headers["location"] == "/destinations?said=confirmed"
    api = await caller(app, "alice")
    code = {"code": code_of(parts, CHANNEL)}
    said = (await api.post(f"/destinations/{CHANNEL.id}/code", json=code)).json()
    assert (said["id"], said["state"]) == (CHANNEL.id, "active")


async def test_the_code_of_yesterday_still_works(confirms: Confirms, parts: Parts) -> None:
    await confirms(NICK, code_of(parts, NICK, days=1))
    assert await is_active(parts, NICK)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda parts: code_of(parts, NICK, days=2),
        lambda parts: code_of(parts, NICK, days=-1),
        lambda parts: code_of(parts, CHANNEL),
        lambda parts: code_of(parts, BOBS),
        lambda _: Links(SITE, "another secret, long enough to sign with").code(NICK.id, NOW),
        lambda _: "AAAA-AAAA",
        lambda _: "",
        lambda _: "Ⅷ" * 5000,
    ],
    ids=["too old", "to come", "another's", "bob's", "forged", "guessed", "empty", "endless"],
)
async def test_a_wrong_code_and_one_that_is_too_old_are_refused_alike(
    confirms: Confirms, parts: Parts, wrong: Callable[[Parts], str]
) -> None:
    answer = await confirms(NICK, wrong(parts))
    assert answer.status_code == 422
    assert "this is not the code, or it is too old" in answer.text
    assert not await is_active(parts, NICK)


async def test_a_wrong_code_is_said_at_its_field(alice: Browser, app: FastAPI) -> None:
    page = (await alice.submit(f"/destinations/{NICK.id}/code", code="K7QX-3MZA")).text
    field = f"c-{NICK.id}"
    assert f'<a href="#{field}">Code</a>' in page
    assert f'aria-describedby="{field}-hint {field}-problem" aria-invalid="true"' in page
    assert 'value="K7QX-3MZA"' in page
    api = await caller(app, "alice")
    answer = await api.post(f"/destinations/{NICK.id}/code", json={"code": "K7QX-3MZA"})
    assert [each["field"] for each in problem(answer, 422)["errors"]] == ["code"]


@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": 7}, {"code": "x", "to": "y"}, []])
async def test_the_api_takes_a_text_and_nothing_else(
    app: FastAPI, alice: Browser, body: object
) -> None:
    api = await caller(app, "alice")
    problem(await api.post(f"/destinations/{NICK.id}/code", json=body), 422)


@pytest.mark.parametrize("limit", ["busy", "away"])
async def test_nobody_can_go_on_guessing(
    confirms: Confirms, parts: Parts, queues: FakeQueues, limit: str
) -> None:
    queues.refused, queues.away = {"code"}, limit == "away"
    answer = await confirms(NICK, code_of(parts, NICK))
    if answer.status_code == 303:
        assert answer.headers["location"] == f"/destinations?said={limit}"
    else:
        problem(answer, 429 if limit == "busy" else 503)
        assert int(answer.headers["retry-after"]) > 0
    assert not await is_active(parts, NICK)


@pytest.mark.parametrize(
    "to", [EMAIL, OWL, RAVEN, PIGEON], ids=["link", "answer", "page", "unknown"]
)
async def test_where_no_code_was_sent_there_is_none_to_type(
    confirms: Confirms, parts: Parts, to: Destination
) -> None:
    await keep(parts, to)
    answer = await confirms(to, code_of(parts, to))
    assert answer.status_code in {409, 422}
    assert await now_of(parts) == (to,)


@pytest.mark.parametrize(
    "state", [DestinationState.ACTIVE, DestinationState.PAUSED, DestinationState.GONE]
)
async def test_a_code_leads_out_of_no_other_state(
    confirms: Confirms, parts: Parts, state: DestinationState
) -> None:
    there = replace(NICK, state=state)
    await keep(parts, there)
    assert (await confirms(NICK, code_of(parts, NICK))).status_code in {409, 422}
    assert await now_of(parts) == (there,)


async def test_what_came_back_is_confirmed_again(confirms: Confirms, parts: Parts) -> None:
    await keep(parts, replace(NICK, state=DestinationState.BOUNCING, reason="no such nick"))
    await confirms(NICK, code_of(parts, NICK))
    assert await now_of(parts) == (replace(NICK, state=DestinationState.ACTIVE, reason=""),)


async def test_nobody_confirms_what_is_another_ones(
    confirms: Confirms, parts: Parts, queues: FakeQueues
) -> None:
    await keep(parts, BOBS, user="bob")
    answer = await confirms(BOBS, code_of(parts, BOBS))
    assert answer.status_code == 404
    assert not await is_active(parts, BOBS)
    assert [what for what, _ in queues.uses if what == "code"] == [], "bob may still type his"


async def test_a_link_confirms_only_what_links_are_sent_to(browser: Browser, parts: Parts) -> None:
    for to in (CHANNEL, OWL, RAVEN, PIGEON):
        await keep(parts, to)
        path = parts.links.address(Confirm(to.id)).removeprefix(SITE)
        assert "cannot confirm" in (await browser.post(path)).text
        assert await now_of(parts) == (to,)


async def test_without_a_secret_there_are_no_codes(parts: Parts, queues: FakeQueues) -> None:
    without = replace(parts, links=Links(SITE))
    alice = await people.sign_in(create_app(without), without, "alice")
    for to in (NICK, OWL):
        await keep(parts, to)
        assert "`web.secret` is not set" in (await alice.get("/destinations")).text
        assert (await alice.submit(f"/destinations/{to.id}/again")).status_code == 409
        assert (await alice.submit(f"/destinations/{to.id}/code", code="")).status_code == 409
    assert queues.told == []


async def test_codes_need_no_public_address(parts: Parts, queues: FakeQueues) -> None:
    without = replace(parts, links=Links("", SIGNED_WITH))
    alice = await people.sign_in(create_app(without), without, "alice")
    await keep(parts, NICK)
    await alice.submit(f"/destinations/{NICK.id}/again")
    assert "on the page of your destinations" in queues.told[0][0].text
    await alice.submit(f"/destinations/{NICK.id}/code", code=code_of(parts, NICK))
    assert await is_active(parts, NICK)


@pytest.mark.parametrize(
    ("to", "said", "button"),
    [
        (EMAIL, "No link was sent yet.", "Send the link"),
        (CHANNEL, "It was sent to #fedora, or is on its way", "Send the code"),
        (OWL, "No challenge was sent yet.", "Send the challenge"),
        (RAVEN, "Open this page in the browser that you want to hear in", ""),
        (PIGEON, "nothing is sent to addresses of this kind any more", ""),
    ],
    ids=["link", "code", "answer", "page", "unknown"],
)
async def test_what_to_do_is_said(
    alice: Browser, parts: Parts, to: Destination, said: str, button: str
) -> None:
    await keep(parts, to)
    page = await alice.get("/destinations")
    assert said in says(page)
    assert (f"/destinations/{to.id}/again" in page.text) is bool(button)
    assert button in says(page)
    assert ('autocomplete="one-time-code"' in page.text) is (to is CHANNEL)


@pytest.mark.parametrize("to", [EMAIL, CHANNEL, OWL], ids=["link", "code", "answer"])
async def test_a_letter_that_did_not_arrive_is_said_with_its_reason(
    alice: Browser, parts: Parts, to: Destination
) -> None:
    await keep(parts, to)
    words = {State.SENT: None, State.FAILED: "there is no such <nick>"}
    for number, (state, reason) in enumerate(words.items()):
        at = NOW + timedelta(seconds=number)
        key = key_of(MessageId(f"fmn-own-confirm-{state}"), to.id)
        await recorded(parts.engine, Outcome(key, to.kind, (), state, at, 1, reason))
        page = await alice.get("/destinations")
        assert "again" in says(page)
        missed = "did not arrive: refused there is no such" in says(page)
        assert missed is (state is State.FAILED), state


async def test_only_confirmations_go_to_what_is_unconfirmed(
    app: FastAPI, alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    everywhere = (NICK, EMAIL, replace(OWL, id=CHANNEL.id, name="owl"))
    await keep(parts, *everywhere)
    api = await caller(app, "alice")
    for to in everywhere:
        await alice.submit(f"/destinations/{to.id}/again")
        await alice.submit(f"/destinations/{to.id}/test")
        await api.post(f"/destinations/{to.id}/confirmation")
        await api.post(f"/destinations/{to.id}/test")
    assert {letter.topic for letter, _ in queues.told} == {"fmn.confirmation"}
    assert len(queues.told) == 2 * len(everywhere)
    proofs = (await api.get("/destinations")).json()["destinations"]
    assert [each["proof"] for each in proofs] == ["code", "link", "answer"]


@pytest.mark.parametrize("key", ["a key", ""])
async def test_what_is_met_on_our_page_gets_no_letter(
    parts: Parts, queues: FakeQueues, key: str
) -> None:
    here = replace(parts, push_key=key)
    app = create_app(here)
    alice = await people.sign_in(app, here, "alice")
    fields = {"kind": "birds", "form": "Raven", "address.room": "tower"}
    answer = await alice.submit("/destinations", **fields, **{"address.token": "of-the-tower-0"})
    assert answer.headers["location"] == "/destinations?said=saved"
    (added,) = await now_of(parts)
    assert (await alice.submit(f"/destinations/{added.id}/again")).status_code == 409
    api = await caller(app, "alice")
    problem(await api.post(f"/destinations/{added.id}/confirmation"), 422)
    proof = (await api.get(f"/destinations/{added.id}")).json()["proof"]
    assert (proof, queues.told) == ("page" if key else None, [])
    assert ("An operator must" in (await alice.get("/destinations")).text) is not bool(key)
