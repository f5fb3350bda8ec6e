"""Who somebody is by what the provider says, and what a new account begins with."""

from dataclasses import replace

import pytest

from fmn.config import Web
from fmn.model import DestinationId, DestinationState, RuleId, UserId
from fmn.preferences.defaults import Defaults
from fmn.preferences.values import Preferences
from fmn.rules.filters.topic import Topic
from fmn.rules.rule import Rule
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.app import create_app
from fmn.web.login import person_of
from fmn.web.parts import Parts
from tests.factories import a_destination
from tests.peers.oidc import OpenId
from tests.web.dance import come_back, settings_for
from tests.web.fakes import FakeQueues
from tests.web.people import Browser, is_signed_in, saved

pytestmark = pytest.mark.real


@pytest.fixture
def web_settings(openid: OpenId) -> Web:
    return settings_for(openid)


async def preferences_of(parts: Parts, name: str) -> Preferences | None:
    async with reading(parts.engine) as connection:
        return await load_user(connection, name, parts.filters)


async def test_the_first_login_makes_an_account_with_address_and_default_rules(
    openid: OpenId, parts: Parts, queues: FakeQueues
) -> None:
    theirs = a_destination(user="")
    rule = Rule(RuleId("x"), "", "Mine", (Topic(patterns=("*",)),), (theirs,), origin="default")
    app = create_app(replace(parts, defaults=Defaults((rule,))))
    openid.knows("dora", preferred_username="dora", email="dora@example.org", email_verified=True)
    async with Browser(app) as browser:
        assert (await come_back(browser, openid, "dora")).status_code == 303
    preferences = await preferences_of(parts, "dora")
    assert preferences
    (destination,) = preferences.destinations
    assert (destination.name, destination.kind) == ("email", "email")
    assert (destination.address, destination.state) == ("dora@example.org", DestinationState.ACTIVE)
    assert [(each.name, each.origin, each.destinations) for each in preferences.rules] == [
        ("Mine", "default", (destination,))
    ]
    assert queues.nudges


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_nobody_proved_is_unconfirmed(
    verified: object, openid: OpenId, browser: Browser, parts: Parts
) -> None:
    openid.knows("dora", email="dora@example.org", email_verified=verified)
    await come_back(browser, openid, "dora")
    preferences = await preferences_of(parts, "dora")
    assert preferences
    assert [each.state for each in preferences.destinations] == [DestinationState.UNCONFIRMED]


@pytest.mark.parametrize("email", [None, "", "no address", 5, ["a@example.org"]])
async def test_without_a_good_address_the_account_has_none(
    email: object, openid: OpenId, browser: Browser, parts: Parts
) -> None:
    openid.knows("dora", email=email)
    await come_back(browser, openid, "dora")
    preferences = await preferences_of(parts, "dora")
    assert preferences
    assert (preferences.destinations, preferences.rules) == ((), ())


async def test_an_account_that_was_there_is_used_as_it_is(
    openid: OpenId, browser: Browser, parts: Parts
) -> None:
    own = a_destination("irc", kind="irc", address="alice", user="alice")
    before = Preferences(UserId("imported"), "alice", destinations=(own,))
    await saved(parts, before)
    openid.knows("alice", email="alice@example.org", email_verified=True)
    await come_back(browser, openid, "alice")
    assert await preferences_of(parts, "alice") == before
    assert own.id == DestinationId("d-irc")


@pytest.mark.parametrize(
    ("groups", "operator"),
    [(["packager", "sysadmin"], True), ("sysadmin", True), (["sysadmins"], False), (None, False)],
)
async def test_an_operator_is_whoever_is_in_one_of_the_groups(
    groups: object, operator: bool, openid: OpenId, browser: Browser
) -> None:
    openid.knows("olga", groups=groups)
    await come_back(browser, openid, "olga")
    assert ('href="/admin"' in (await browser.get("/nothing")).text) == operator


async def test_without_groups_of_operators_nobody_is_one() -> None:
    assert not person_of({"preferred_username": "olga", "groups": ["", None]}, Web()).is_admin


async def test_the_name_is_the_claim_that_was_chosen(
    openid: OpenId, browser: Browser, parts: Parts
) -> None:
    openid.knows("1234", preferred_username="emil")
    await come_back(browser, openid, "1234")
    assert await preferences_of(parts, "emil")
    assert not await preferences_of(parts, "1234")


@pytest.mark.parametrize("name", ["two words", "line\nbreak", "x" * 256, 5, {"a": 1}, None])
async def test_a_name_that_cannot_be_is_refused(
    name: object, openid: OpenId, browser: Browser
) -> None:
    openid.knows("odd", preferred_username=name)
    answer = await come_back(browser, openid, "odd")
    assert answer.status_code == 403
    assert "no name that fmn can use" in answer.text
    assert not await is_signed_in(browser)
