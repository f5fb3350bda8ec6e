"""Destinations: adding, confirming, testing, pausing, taking away; each only by its owner."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from fmn.emission import Outcome, State
from fmn.links import Confirm, Links
from fmn.model import Destination, DestinationId, DestinationState, MessageId, UserId, key_of
from fmn.preferences.defaults import Defaults
from fmn.preferences.values import Preferences
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, recorded, some_preferences
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
SILENT = (
    DestinationState.UNCONFIRMED,
    DestinationState.PAUSED,
    DestinationState.BOUNCING,
    DestinationState.GONE,
)


def mailbox(address: str) -> dict[str, str]:
    """Return what is typed to add a mailbox."""
    return {"kind": "email", "form": "E-mail", "address.address": address}


ALICE = mailbox("alice@example.org")


@pytest.fixture
async def alice(signed_in_as: SignIn) -> Browser:
    """Somebody who has nothing yet."""
    return await signed_in_as("alice")


async def keep(parts: Parts, *destinations: Destination) -> None:
    theirs = Preferences(UserId("id-of-alice"), "alice", (), destinations)
    await people.saved(parts, theirs)


async def mine(parts: Parts, name: str = "alice") -> Preferences:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, name, parts.filters)
    assert found
    return found


async def test_an_added_destination_is_unconfirmed_and_asked_at_once(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    answer = await alice.submit("/destinations", **ALICE, name="home")
    assert (answer.status_code, answer.headers["location"]) == (303, "/destinations?said=sent")
    (added,) = (await mine(parts)).destinations
    expected = ("email", "alice@example.org", "home", DestinationState.UNCONFIRMED)
    assert (added.kind, added.address, added.name, added.state) == expected
    ((message, notification),) = queues.told
    assert (notification.destination, dict(notification.rules)) == (added, {})
    assert notification.key == key_of(message.id, added.id)
    assert (message.app, message.topic) == ("fmn", "fmn.confirmation")
    assert message.id.startswith("fmn-own-confirm-")


async def test_the_link_that_is_sent_confirms_that_destination(
    alice: Browser, browser: Browser, parts: Parts, queues: FakeQueues
) -> None:
    await alice.submit("/destinations", **ALICE)
    url = queues.told[0][0].url
    assert url
    assert parts.links.read(Confirm, url.rpartition("/")[2]).destination
    await browser.post(url)
    assert (await mine(parts)).destinations[0].state is DestinationState.ACTIVE


async def test_no_name_is_the_name_of_the_kind(alice: Browser, parts: Parts) -> None:
    for number in range(3):
        await alice.submit("/destinations", **mailbox(f"a{number}@example.org"))
    names = [each.name for each in (await mine(parts)).destinations]
    assert names == ["email", "email-2", "email-3"]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("email-0-address", mailbox("nobody")),
        ("email-0-address", mailbox("")),
        ("email-0-address", mailbox("a@example.org\nBcc: b@example.org")),
        ("email-0-address", mailbox("alice@taken.example.org")),
        ("email-0-name", {"name": "Home & garden"}),
        ("email-0-name", {"name": "taken"}),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    alice: Browser, parts: Parts, queues: FakeQueues, field: str, typed: dict[str, str]
) -> None:
    taken = replace(a_destination("taken"), address="alice@taken.example.org")
    await keep(parts, taken)
    fields = mailbox("typed@example.org") | {"name": "typed"} | typed
    answer = await alice.submit("/destinations", **fields)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert re.search(rf'aria-describedby="[^"]*{field}-problem" aria-invalid="true"', answer.text)
    kept = [name for name in ("address.address", "name") if "\n" not in fields[name]]
    assert all(f'value="{value}"' in unescape(answer.text) for value in map(fields.get, kept))
    assert ((await mine(parts)).destinations, queues.told) == ((taken,), [])


async def test_the_first_destination_brings_the_default_rules(
    parts: Parts, signed_in_as: SignIn
) -> None:
    default = a_rule("default", a_destination("anywhere"))
    with_defaults = replace(parts, defaults=Defaults((default,)))
    app = create_app(with_defaults)
    alice = await people.sign_in(app, with_defaults, "alice")
    for address in ("one@example.org", "two@example.org"):
        await alice.submit("/destinations", **mailbox(address))
    found = await mine(parts)
    (rule,) = found.rules
    assert (rule.name, rule.origin, rule.destinations) == (
        "default",
        "default",
        found.destinations[:1],
    )


async def test_who_has_rules_gets_no_default_ones(parts: Parts) -> None:
    with_defaults = replace(parts, defaults=Defaults((a_rule("default"),)))
    await people.saved(parts, some_preferences("alice"))
    alice = await people.sign_in(create_app(with_defaults), with_defaults, "alice")
    await alice.submit("/destinations", **mailbox("one@example.org"))
    assert [rule.name for rule in (await mine(parts)).rules] == ["updates"]


async def test_where_links_cannot_be_made_none_is_sent(parts: Parts, queues: FakeQueues) -> None:
    without = replace(parts, links=Links())
    alice = await people.sign_in(create_app(without), without, "alice")
    await alice.submit("/destinations", **ALICE)
    (waiting,) = (await mine(parts)).destinations
    assert (await alice.submit(f"/destinations/{waiting.id}/again")).status_code == 409
    assert queues.told == []
    page = await alice.get("/destinations")
    assert "An operator must confirm it" in page.text
    assert "Send the link" not in page.text


@pytest.mark.parametrize("state", [DestinationState.UNCONFIRMED, DestinationState.BOUNCING])
async def test_the_link_is_sent_again(
    alice: Browser, parts: Parts, queues: FakeQueues, state: DestinationState
) -> None:
    waiting = replace(a_destination(), state=state)
    await keep(parts, waiting)
    page = (await alice.get("/destinations")).text
    is_first = state is DestinationState.UNCONFIRMED
    assert ("No link was sent yet" in page, "Send the link again" in page) == (
        is_first,
        not is_first,
    )
    answer = await alice.submit(f"/destinations/{waiting.id}/again")
    assert answer.headers["location"] == "/destinations?said=sent"
    assert [notification.destination for _, notification in queues.told] == [waiting]


async def test_confirmations_are_limited_by_user_and_by_address(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    waiting = replace(a_destination(), state=DestinationState.UNCONFIRMED)
    await keep(parts, waiting)
    await alice.submit(f"/destinations/{waiting.id}/again")
    whose = [who for what, who in queues.uses if what == "confirmation"]
    assert len(set(whose)) == 2
    assert waiting.address not in str(whose), "no address stands in a key of Redis"
    queues.refused = {"confirmation"}
    answer = await alice.submit(f"/destinations/{waiting.id}/again")
    assert (answer.headers["location"], len(queues.told)) == ("/destinations?said=busy", 1)


async def test_a_test_goes_to_an_active_destination(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    active = a_destination()
    await keep(parts, active)
    answer = await alice.submit(f"/destinations/{active.id}/test")
    assert answer.headers["location"] == "/destinations?said=sent"
    ((message, notification),) = queues.told
    assert (message.topic, notification.destination) == ("fmn.test", active)
    assert message.id.startswith("fmn-own-test-")
    queues.refused = {"test"}
    answer = await alice.submit(f"/destinations/{active.id}/test")
    assert (answer.headers["location"], len(queues.told)) == ("/destinations?said=busy", 1)


@pytest.mark.parametrize("state", SILENT)
async def test_no_test_goes_where_nothing_else_goes(
    alice: Browser, parts: Parts, queues: FakeQueues, state: DestinationState
) -> None:
    silent = replace(a_destination(), state=state)
    await keep(parts, silent)
    assert "Send a test" not in (await alice.get("/destinations")).text
    answer = await alice.submit(f"/destinations/{silent.id}/test")
    assert (answer.status_code, queues.told) == (409, [])


@pytest.mark.parametrize("deed", ["again", "test"])
async def test_redis_away_is_said(
    alice: Browser, parts: Parts, queues: FakeQueues, deed: str
) -> None:
    state = DestinationState.ACTIVE if deed == "test" else DestinationState.UNCONFIRMED
    await keep(parts, replace(a_destination(), state=state))
    queues.away = True
    answer = await alice.submit(f"/destinations/{a_destination().id}/{deed}")
    assert answer.headers["location"] == "/destinations?said=away"
    page = (await alice.get(answer.headers["location"])).text
    assert '<span class="problem">Nothing can be sent just now.' in page
    assert "Redis" not in page


@pytest.mark.parametrize(
    ("length", "lasts"),
    [
        ("hour", timedelta(hours=1)),
        ("day", timedelta(days=1)),
        ("week", timedelta(days=7)),
        ("open", None),
    ],
)
async def test_a_pause_has_an_end_or_none_and_can_be_ended(
    alice: Browser, parts: Parts, length: str, lasts: timedelta | None
) -> None:
    await keep(parts, a_destination(), a_destination("phone"))
    before = datetime.now(UTC)
    await alice.submit(f"/destinations/{a_destination().id}/pause", **{"for": length})
    paused, other = (await mine(parts)).destinations
    assert (paused.state, other.state) == (DestinationState.PAUSED, DestinationState.ACTIVE)
    assert (paused.until is None) == (lasts is None)
    if paused.until and lasts:
        assert timedelta(0) <= paused.until - before - lasts < timedelta(minutes=1)
    await alice.submit(f"/destinations/{a_destination().id}/resume")
    assert (await mine(parts)).destinations == (a_destination(), a_destination("phone"))


async def test_a_pause_of_no_known_length_is_refused(alice: Browser, parts: Parts) -> None:
    await keep(parts, a_destination())
    at = f"/destinations/{a_destination().id}/pause"
    answer = await alice.submit(at, **{"for": "ages"})
    assert (answer.status_code, (await mine(parts)).destinations) == (422, (a_destination(),))


async def test_a_destination_is_deleted_and_leaves_its_rules(alice: Browser, parts: Parts) -> None:
    email, phone = a_destination(), a_destination("phone")
    rule = a_rule("both", email, phone)
    await people.saved(
        parts, Preferences(UserId("id-of-alice"), "alice", (), (email, phone), (rule,))
    )
    answer = await alice.submit(f"/destinations/{email.id}/delete")
    assert answer.headers["location"] == "/destinations?said=deleted"
    found = await mine(parts)
    assert (found.destinations, found.rules[0].destinations) == ((phone,), (phone,))


async def test_the_only_destination_of_a_rule_stays_and_the_rule_is_named(
    alice: Browser, parts: Parts
) -> None:
    before = some_preferences("alice")
    await people.saved(parts, before)
    answer = await alice.submit(f"/destinations/{a_destination().id}/delete")
    assert (answer.status_code, "updates" in answer.text) == (422, True)
    assert await mine(parts) == before


async def test_states_are_said_in_words_with_their_reason(alice: Browser, parts: Parts) -> None:
    end = datetime(2126, 5, 4, 8, 3, tzinfo=UTC)
    await keep(
        parts,
        replace(a_destination("a"), state=DestinationState.UNCONFIRMED),
        replace(a_destination("b"), state=DestinationState.PAUSED, until=end),
        replace(a_destination("c"), state=DestinationState.BOUNCING, reason="mailbox full (552)"),
        replace(a_destination("d"), state=DestinationState.GONE, reason="no such user (550)"),
    )
    page = (await alice.get("/destinations")).text
    for words in (
        "not confirmed yet",
        "until 2126-05-04 08:03 UTC",
        "mailbox full (552)",
        "no such user (550)",
    ):
        assert words in page


async def test_the_last_word_of_a_destination_is_said(alice: Browser, parts: Parts) -> None:
    email = a_destination()
    await keep(parts, email)
    assert "nothing was sent there yet" in (await alice.get("/destinations")).text
    at = datetime(2026, 5, 4, 8, 3, tzinfo=UTC)
    key = key_of(MessageId("fmn-own-test-1"), email.id)
    await recorded(
        parts.engine, Outcome(key, "email", (), State.FAILED, at, 1, "no such user (550)")
    )
    page = (await alice.get("/destinations")).text
    assert "refused" in page
    assert "no such user (550)" in page
    assert "2026-05-04 08:03 UTC" in page


DEEDS = ["again", "code", "test", "pause", "resume", "delete"]


@pytest.mark.parametrize("deed", DEEDS)
async def test_nobody_touches_what_is_another_ones(
    alice: Browser, parts: Parts, queues: FakeQueues, deed: str
) -> None:
    before = some_preferences("bob")
    await people.saved(parts, before)
    at = f"/destinations/{before.destinations[0].id}/{deed}"
    answer = await alice.submit(at, **{"for": "day"})
    assert answer.status_code == 404
    assert (await mine(parts, "bob"), queues.told) == (before, [])
    assert "bob" not in (await alice.get("/destinations")).text


@pytest.mark.parametrize("deed", ["", *(f"/{DestinationId('alice-email')}/{d}" for d in DEEDS)])
async def test_a_form_that_is_not_ours_changes_nothing(
    alice: Browser, parts: Parts, queues: FakeQueues, deed: str
) -> None:
    await keep(parts, a_destination())
    fields = {"csrf": "0" * 64, "for": "day", "kind": "email", "address": "x@example.org"}
    answer = await alice.post(f"/destinations{deed}", data=fields)
    assert answer.status_code == 403
    assert ((await mine(parts)).destinations, queues.told) == ((a_destination(),), [])


async def test_a_hundred_destinations_are_shown_on_pages_of_less_than_100_kb(
    alice: Browser, parts: Parts
) -> None:
    await keep(parts, *(a_destination(f"d-{number:03}") for number in range(100)))
    seen: list[str] = []
    path = "/destinations"
    while path:
        page = await alice.get(path)
        assert len(page.content) < 100_000
        seen += re.findall(r'<h2 id="n-[^"]*">([^<]*)', page.text)
        further = re.search(r'<a href="([^"]*)">More', page.text)
        path = unescape(further[1]) if further else ""
    assert seen == [f"d-{number:03}" for number in range(100)]
