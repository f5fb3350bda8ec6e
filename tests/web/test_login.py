"""Signing in at a real OpenID provider, and what goes wrong on the way."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fmn.config import Web
from fmn.web.app import create_app
from fmn.web.login import TRIES, same_site
from fmn.web.parts import Parts
from tests.peers import free_port
from tests.peers.oidc import OpenId
from tests.web.dance import come_back, settings_for, way_to_provider
from tests.web.fakes import FakeQueues
from tests.web.people import SITE, Browser, is_signed_in

pytestmark = pytest.mark.real


@pytest.fixture
def web_settings(openid: OpenId) -> Web:
    return settings_for(openid)


@pytest.fixture
async def elsewhere(parts: Parts) -> AsyncIterator[Browser]:
    """Another browser, at the same fmn."""
    async with Browser(create_app(parts)) as browser:
        yield browser


async def test_who_signs_in_comes_back_to_where_they_wanted(
    openid: OpenId, browser: Browser
) -> None:
    wanted = "/rules?after=3&said=saved"
    answer = await browser.get(wanted)
    page = await browser.get(answer.headers["location"])
    (way,) = re.findall(r'href="(/login/start[^"]*)"', page.text)
    answer = await browser.get(html.unescape(way))
    answer = await browser.get(await openid.sign_in(answer.headers["location"], "alice"))
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert await is_signed_in(browser)


async def test_the_way_to_the_provider_proves_that_it_is_ours(browser: Browser) -> None:
    way = urlsplit(await way_to_provider(browser))
    asked = {name: value for name, (value,) in parse_qs(way.query).items()}
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == f"{SITE}/login/callback"
    assert asked["scope"] == "openid profile email groups"
    assert asked["code_challenge_method"] == "S256"
    assert min(map(len, (asked["code_challenge"], asked["nonce"], asked["state"]))) >= 20


async def test_the_cookie_of_a_login_lasts_ten_minutes_and_is_for_the_login(
    openid: OpenId, browser: Browser
) -> None:
    answer = await browser.get("/login/start")
    cookie = answer.headers["set-cookie"]
    name, _, attributes = cookie.lower().partition(";")
    assert name.startswith("fmn-login=")
    assert {each.strip() for each in attributes.split(";")} == {
        *("path=/login", "max-age=600", "httponly", "samesite=lax", "secure")
    }
    back = await browser.get(await openid.sign_in(answer.headers["location"], "alice"))
    given = {each.partition("=")[0] for each in back.headers.get_list("set-cookie")}
    assert given == {"fmn-login", "__Host-fmn-session"}
    assert "fmn-login" not in browser.cookies


async def test_a_login_of_another_browser_is_refused(
    openid: OpenId, browser: Browser, elsewhere: Browser
) -> None:
    await way_to_provider(browser)
    foreign = await openid.sign_in(await way_to_provider(elsewhere), "mallory")
    answer = await browser.get(foreign)
    assert answer.status_code == 400
    assert "begun in another window" in answer.text
    assert "Try again" in answer.text
    assert not await is_signed_in(browser)


async def test_a_login_that_nobody_began_is_refused(browser: Browser) -> None:
    answer = await browser.get("/login/callback?code=x&state=y")
    assert answer.status_code == 400
    assert not await is_signed_in(browser)


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?code=x&state=y&state=z"])
async def test_a_way_back_that_lacks_something_is_refused(query: str, browser: Browser) -> None:
    await way_to_provider(browser)
    assert (await browser.get(f"/login/callback{query}")).status_code == 400


async def test_a_login_works_once(openid: OpenId, browser: Browser) -> None:
    back = await openid.sign_in(await way_to_provider(browser), "alice")
    assert (await browser.get(back)).status_code == 303
    await browser.submit("/logout")
    assert (await browser.get(back)).status_code == 400


async def test_a_code_the_provider_does_not_know_is_refused(
    openid: OpenId, browser: Browser
) -> None:
    state = parse_qs(urlsplit(await way_to_provider(browser)).query)["state"][0]
    answer = await browser.get("/login/callback", params={"code": "made-up", "state": state})
    assert answer.status_code == 502
    assert "invalid_grant" in answer.text
    assert not await is_signed_in(browser)


async def test_a_token_for_another_login_is_refused(openid: OpenId, browser: Browser) -> None:
    way = httpx.URL(await way_to_provider(browser))
    other = str(way.copy_set_param("nonce", "of-another-login-of-this-client"))
    answer = await browser.get(await openid.sign_in(other, "alice"))
    assert answer.status_code == 502
    assert not await is_signed_in(browser)


async def test_who_has_second_thoughts_is_told_so(openid: OpenId, browser: Browser) -> None:
    answer = await browser.get(await openid.deny(await way_to_provider(browser)))
    assert answer.status_code == 403
    assert "told not to sign you in" in answer.text


async def test_words_in_the_address_are_not_shown(browser: Browser) -> None:
    for error in ("Call 0123 now", "<b>", "server_error&error_description=Call+0123"):
        answer = await browser.get(f"/login/callback?error={error}")
        assert answer.status_code == 502
        assert "0123" not in answer.text
        assert "<b>" not in answer.text


@pytest.mark.parametrize("path", ["", "/nothing"])
async def test_a_provider_that_is_away_is_said_to_be(
    path: str, parts: Parts, openid: OpenId
) -> None:
    url = f"{openid.url}{path}" if path else f"http://127.0.0.1:{free_port()}"
    settings = parts.settings.model_copy(update={"oidc_url": url})
    async with Browser(create_app(replace(parts, settings=settings))) as browser:
        answer = await browser.get("/login/start")
    assert answer.status_code == 503
    assert "The provider is away" in answer.text
    assert "127.0.0.1" not in answer.text


async def test_a_provider_that_goes_away_on_the_way_is_said_to_be(
    parts: Parts, openid: OpenId, browser: Browser
) -> None:
    back = await openid.sign_in(await way_to_provider(browser), "alice")
    app = create_app(parts)
    provider = app.state.provider
    await provider._client.load_server_metadata()
    provider._client.server_metadata["token_endpoint"] = f"http://127.0.0.1:{free_port()}/"
    async with Browser(app) as later:
        later.cookies.update(browser.cookies)
        answer = await later.get(back)
    assert answer.status_code == 503


async def test_where_no_provider_is_set_up_the_page_says_so(parts: Parts) -> None:
    settings = parts.settings.model_copy(update={"oidc_url": ""})
    async with Browser(create_app(replace(parts, settings=settings))) as browser:
        answer = await browser.get("/login/start")
    assert answer.status_code == 503
    assert "not set up" in answer.text


FOREIGN = [
    *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example"),
    *("/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "evil.example", ""),
    *("/login", "/login?next=/login", "/logout", "/ /evil.example", "/ä", "/" + "x" * 1000),
    *("/%0d%0aset-cookie:x=1\r\nx: y", " //evil.example", "https:/evil.example"),
]


@pytest.mark.parametrize("onward", FOREIGN)
async def test_a_login_leads_nowhere_else(onward: str, openid: OpenId, browser: Browser) -> None:
    answer = await come_back(browser, openid, "alice", onward)
    assert answer.headers["location"] == "/"
    answer = await browser.get("/login", params={"next": onward})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/rules", "/rules/new?kind=topic", "/why?m=a%20b#x"])
def test_a_path_of_ours_is_followed(path: str) -> None:
    assert same_site(path) == path


@pytest.mark.parametrize("path", ["/login/start", "/login/callback?code=x&state=y"])
async def test_who_tries_too_often_must_wait(
    path: str, browser: Browser, queues: FakeQueues
) -> None:
    assert TRIES == 20
    queues.refused.add("login")
    answer = await browser.get(path)
    assert answer.status_code == 429
    assert "too often" in answer.text
    assert queues.uses == [("login", "127.0.0.1")]


async def test_without_redis_people_still_sign_in(
    openid: OpenId, browser: Browser, queues: FakeQueues
) -> None:
    queues.away = True
    assert (await come_back(browser, openid, "newcomer")).status_code == 303
    assert await is_signed_in(browser)


async def test_a_login_ends_the_session_before_it(
    openid: OpenId, browser: Browser, elsewhere: Browser
) -> None:
    await come_back(browser, openid, "alice")
    first = dict(browser.cookies)
    await come_back(browser, openid, "bob")
    assert dict(browser.cookies) != first
    elsewhere.cookies.update(first)
    assert not await is_signed_in(elsewhere)
