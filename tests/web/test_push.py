"""Browsers that subscribe: added without more ado, once, and only by our own page."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fmn.model import Destination, DestinationState
from fmn.preferences import states
from fmn.preferences.defaults import Defaults
from fmn.preferences.values import Preferences
from fmn.senders.push import Push
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.app import create_app
from fmn.web.changing import change
from fmn.web.parts import Parts
from tests.peers.push import letters
from tests.storage.factories import a_destination, a_rule
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
KEY = ec.derive_private_key(7, ec.SECP256R1())
POINT = letters(KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
AUTH = letters(b"0123456789abcdef")
HOST = "updates.push.services.mozilla.com"
GIVEN = {"endpoint": f"https://{HOST}/secret-path", "p256dh": POINT, "auth": AUTH}
ADDRESS = f"https://updates.push.services.mozilla.com/secret-path#p256dh={POINT}&auth={AUTH}"


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """Parts of a site that notifies browsers."""
    push = Push(Push.Settings(vapid_key=letters(b"\7" * 32)))
    return replace(parts, kinds={**parts.kinds, "push": push}, push_key=push.public_key)


@pytest.fixture
async def alice(signed_in_as: SignIn) -> Browser:
    return await signed_in_as("alice")


async def mine(parts: Parts) -> Preferences:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, "alice", parts.filters)
    assert found
    return found


async def only(parts: Parts) -> Destination:
    (destination,) = (await mine(parts)).destinations
    return destination


async def test_a_browser_that_subscribes_hears_at_once(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    answer = await alice.submit("/push", **GIVEN, name="laptop")

    assert (answer.status_code, answer.headers["location"]) == (303, "/destinations?said=confirmed")
    added = await only(parts)
    assert (added.kind, added.name, added.address) == ("push", "laptop", ADDRESS)
    assert added.state is DestinationState.ACTIVE
    assert queues.told == []  # nothing to confirm
    assert queues.nudges


async def test_behind_a_push_service_that_is_no_browsers_a_code_is_asked_for(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    elsewhere = GIVEN | {"endpoint": "https://ntfy.example.org/up-secret"}
    answer = await alice.submit("/push", **elsewhere)

    assert (answer.status_code, answer.headers["location"]) == (303, "/destinations?said=sent")
    assert (await only(parts)).state is DestinationState.UNCONFIRMED
    [(letter, _)] = queues.told
    assert letter.topic == "fmn.confirmation"


async def test_its_address_is_not_on_the_page(alice: Browser) -> None:
    await alice.submit("/push", **GIVEN)
    page = (await alice.get("/destinations")).text
    assert "push service updates.push.services.mozilla.com" in page
    assert [secret for secret in ("secret-path", POINT, AUTH) if secret in page] == []


async def test_without_a_name_it_gets_one(alice: Browser, parts: Parts) -> None:
    for number in range(2):
        await alice.submit(
            "/push", **GIVEN | {"endpoint": f"https://updates.push.services.mozilla.com/{number}"}
        )
    assert [each.name for each in (await mine(parts)).destinations] == ["browser", "browser-2"]


async def test_the_same_browser_is_no_second_destination(alice: Browser, parts: Parts) -> None:
    await alice.submit("/push", **GIVEN)
    before = await mine(parts)
    answer = await alice.submit("/push", **GIVEN, name="other")
    assert answer.headers["location"] == "/destinations?said=subscribed"
    assert await mine(parts) == before


@pytest.mark.parametrize(
    "state", [DestinationState.UNCONFIRMED, DestinationState.BOUNCING, DestinationState.GONE]
)
async def test_a_browser_that_was_gone_comes_back_to_its_rules(
    alice: Browser, parts: Parts, saved: Callable[..., Awaitable[int]], state: DestinationState
) -> None:
    was = replace(a_destination("laptop"), kind="push", address=ADDRESS, state=state, reason="410")
    theirs = replace(await mine(parts), destinations=(was,), rules=(a_rule("mine", was),))
    await saved(theirs)

    answer = await alice.submit("/push", **GIVEN)

    assert answer.headers["location"] == "/destinations?said=confirmed"
    now = replace(was, state=DestinationState.ACTIVE, reason="")
    assert await only(parts) == now
    assert (await mine(parts)).rules[0].destinations == (now,)


async def test_a_pause_stays_a_pause(alice: Browser, parts: Parts) -> None:
    await alice.submit("/push", **GIVEN)

    def paused(preferences: Preferences) -> Preferences:
        return states.pause(preferences, None, until=None)

    await change(parts, "alice", paused, by="alice")
    answer = await alice.submit("/push", **GIVEN)
    assert answer.headers["location"] == "/destinations?said=subscribed"
    assert (await only(parts)).state is DestinationState.PAUSED


async def test_one_browser_of_two_people_is_a_destination_of_each(
    alice: Browser, parts: Parts, signed_in_as: SignIn
) -> None:
    bob = await signed_in_as("bob")
    for each in (alice, bob):
        assert (await each.submit("/push", **GIVEN)).status_code == 303
    assert (await only(parts)).user == "alice"


async def test_the_first_brings_the_default_rules(parts: Parts) -> None:
    default = a_rule("default", a_destination("anywhere"))
    with_defaults = replace(parts, defaults=Defaults((default,)))
    async with await people.sign_in(create_app(with_defaults), with_defaults, "alice") as alice:
        await alice.submit("/push", **GIVEN)
    (rule,) = (await mine(parts)).rules
    assert [each.name for each in rule.destinations] == ["browser"]


REFUSED = {
    "endpoint": {"endpoint": ""},
    "http": {"endpoint": "http://updates.push.services.mozilla.com/a"},
    "private": {"endpoint": "https://127.0.0.1/a"},
    "another address": {"endpoint": "fcm:token"},
    "fragment": {"endpoint": "https://updates.push.services.mozilla.com/#a"},
    "key": {"p256dh": "AAAA"},
    "secret": {"auth": ""},
    "line": {"auth": f"{AUTH}\r\nX: 1"},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_no_subscription_is_refused_in_words(
    alice: Browser, parts: Parts, name: str
) -> None:
    answer = await alice.submit("/push", **GIVEN | REFUSED[name])
    assert answer.status_code == 422
    assert 'href="#push-browser"' in answer.text
    assert 'id="push-browser-problem"' in answer.text
    assert [secret for secret in ("secret-path", AUTH) if secret in answer.text] == []
    assert (await mine(parts)).destinations == ()


@pytest.mark.parametrize("name", ["Home & garden", "taken"])
async def test_a_name_that_cannot_be_is_said_at_its_field_and_stays(
    alice: Browser, parts: Parts, name: str
) -> None:
    await alice.submit("/push", **GIVEN, name="taken")
    again = GIVEN | {"endpoint": "https://updates.push.services.mozilla.com/other"}
    answer = await alice.submit("/push", **again, name=name)
    assert answer.status_code == 422
    assert '<a href="#push-browser-name">' in answer.text
    assert re.search(r'aria-describedby="[^"]*push-browser-name-problem" aria-inv', answer.text)
    assert f'value="{name.replace("&", "&amp;")}"' in answer.text
    assert len((await mine(parts)).destinations) == 1


async def test_the_form_is_there_where_browsers_are_notified(alice: Browser, parts: Parts) -> None:
    page = (await alice.get("/destinations")).text
    assert f'data-key="{parts.push_key}" hidden>' in page
    assert "This needs a browser with JavaScript" in page
    assert "<script>" not in page

    silent = replace(parts, push_key="")
    async with await people.sign_in(create_app(silent), silent, "alice") as there:
        assert "push-browser" not in (await there.get("/destinations")).text
        assert (await there.submit("/push", **GIVEN)).status_code == 409
    assert (await mine(parts)).destinations == ()


async def test_a_form_of_another_session_adds_nothing(alice: Browser, parts: Parts) -> None:
    answer = await alice.post("/push", data=GIVEN | {"csrf": "0" * 64})
    assert answer.status_code == 403
    assert (await mine(parts)).destinations == ()


async def test_the_service_worker_stands_for_the_whole_site(browser: Browser) -> None:
    answer = await browser.get("/sw.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert "addEventListener" in answer.text
