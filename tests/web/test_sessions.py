"""Sessions: what the browser keeps, for how long, and what ends them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from fmn.config import Web
from fmn.errors import ConfigError
from fmn.storage.accounts import delete_account
from fmn.storage.engine import reading, writing
from fmn.storage.tokens import issue, tokens_of
from fmn.web.app import create_app
from fmn.web.login import check_login
from fmn.web.parts import Parts
from fmn.web.sessions import start
from tests.web.people import Browser, account_of, is_signed_in

SignIn = Callable[..., Awaitable[Browser]]
LOCAL = Web(login="local", user="alice")
REMOTE = Web(
    url="https://fmn.example",
    secret=SecretStr("s" * 32),
    oidc_url="https://id.example.org",
    oidc_client="fmn",
)


def local(parts: Parts, url: str = "") -> Parts:
    """Return parts of an fmn for one person."""
    return replace(parts, settings=LOCAL.model_copy(update={"url": url}))


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    """Return the one cookie of this answer."""
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


@pytest.mark.parametrize(
    ("url", "name", "secure"),
    [("https://localhost", "__Host-fmn-session", True), ("", "fmn-session", False)],
)
async def test_no_script_and_no_other_site_gets_the_cookie(
    url: str, name: str, secure: bool, parts: Parts
) -> None:
    async with Browser(
        create_app(local(parts, url)), base_url=url or "http://localhost"
    ) as browser:
        cookie = cookie_of(await browser.post("/login"))
    assert (cookie.key, cookie["path"], cookie["domain"]) == (name, "/", "")
    assert (cookie["httponly"], cookie["samesite"].lower()) == (True, "lax")
    assert bool(cookie["secure"]) == secure
    assert int(cookie["max-age"]) == 14 * 24 * 3600


async def test_a_local_login_signs_in_its_user_as_an_operator(parts: Parts) -> None:
    async with Browser(create_app(local(parts)), base_url="http://127.0.0.1:8080") as browser:
        page = await browser.get("/login?said=signed-out")
        assert "Sign in as alice" in page.text
        answer = await browser.post("/login", data={"next": "/rules"})
        assert answer.headers["location"] == "/rules"
        assert "Admin" in (await browser.get("/nothing")).text


async def test_a_local_login_asks_nothing_of_its_one_user(parts: Parts) -> None:
    async with Browser(create_app(local(parts)), base_url="http://127.0.0.1:8080") as browser:
        assert (await browser.get("/")).headers["location"] == "/login"
        assert (await browser.get("/login")).headers["location"] == "/"
        assert (await browser.get("/")).status_code == 200


async def test_a_proxy_for_others_does_not_make_them_the_one_user(parts: Parts) -> None:
    public = "https://fmn.example"
    async with Browser(create_app(local(parts, public)), base_url=public) as browser:
        assert (await browser.get("/login")).status_code == 403


async def test_a_foreign_name_for_this_machine_signs_nobody_in(parts: Parts) -> None:
    async with Browser(create_app(local(parts)), base_url="http://evil.example") as browser:
        answers = [await browser.post("/login"), await browser.get("/login")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all("set-cookie" not in answer.headers for answer in answers)


async def test_without_a_local_login_nobody_signs_in_that_way(browser: Browser) -> None:
    assert (await browser.post("/login")).status_code == 404


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_a_local_login_may_be_on_loopback(bind: str) -> None:
    check_login(LOCAL, bind)


@pytest.mark.parametrize(
    ("settings", "bind", "named"),
    [
        (LOCAL, "0.0.0.0", "--bind 0.0.0.0"),  # noqa: S104  # it is refused
        (LOCAL, "::", "--bind ::"),
        (LOCAL, "", "--bind"),
        (LOCAL, "fmn.example", "--bind fmn.example"),
        (LOCAL.model_copy(update={"user": ""}), "127.0.0.1", "web.user"),
        (LOCAL.model_copy(update={"url": "https://fmn.example"}), "127.0.0.1", "web.url"),
        (Web(), "::", "web.url, web.secret, web.oidc_url, web.oidc_client"),
        (REMOTE.model_copy(update={"url": ""}), "::", "web.url"),
        (REMOTE.model_copy(update={"secret": SecretStr("")}), "::", "web.secret"),
        (REMOTE.model_copy(update={"oidc_url": ""}), "::", "web.oidc_url"),
        (REMOTE.model_copy(update={"oidc_client": ""}), "::", "web.oidc_client"),
        (REMOTE.model_copy(update={"oidc_url": "http://id.example.org"}), "::", "web.oidc_url"),
    ],
)
def test_a_login_that_is_open_or_lacks_something_is_refused(
    settings: Web, bind: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        check_login(settings, bind)


def test_a_whole_remote_login_may_be_anywhere() -> None:
    check_login(REMOTE, "::")


async def test_to_sign_out_ends_the_session_and_takes_the_cookie(signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    kept = dict(alice.cookies)
    answer = await alice.submit("/logout")
    assert answer.headers["location"] == "/login?said=signed-out"
    cookie = cookie_of(answer)
    assert (cookie.key, cookie.value, cookie["max-age"]) == ("__Host-fmn-session", "", "0")
    alice.cookies.update(kept)
    assert not await is_signed_in(alice)
    assert (await alice.get("/account")).status_code == 303


async def test_to_sign_out_here_leaves_the_session_elsewhere(signed_in_as: SignIn) -> None:
    here, elsewhere = await signed_in_as("alice"), await signed_in_as("alice")
    await here.submit("/logout")
    assert await is_signed_in(elsewhere)


async def test_to_sign_in_again_makes_a_new_session_and_ends_the_old_one(parts: Parts) -> None:
    app = create_app(local(parts))
    async with Browser(app, base_url="http://localhost") as browser:
        first = cookie_of(await browser.post("/login")).value
        second = cookie_of(await browser.post("/login")).value
    assert first != second
    async with Browser(app, first, base_url="http://localhost") as old:
        assert (await old.get("/account")).status_code == 303


async def test_a_session_ends_by_itself(app: FastAPI, parts: Parts) -> None:
    alice = await account_of(parts, "alice")
    lifetime = timedelta(days=14)
    for age, signed_in in ((lifetime - timedelta(minutes=1), True), (lifetime, False)):
        then = replace(parts, now=partial(_ago, age))
        secret = await start(then, alice.id, admin=False)
        async with Browser(app, secret) as browser:
            assert await is_signed_in(browser) == signed_in


def _ago(age: timedelta) -> datetime:
    return datetime.now(UTC) - age


@pytest.mark.parametrize("secret", ["x", "a" * 5000, "%00", "ü".encode().decode("latin-1")])
async def test_a_made_up_cookie_signs_nobody_in(secret: str, app: FastAPI) -> None:
    async with Browser(app) as browser:
        headers = {"cookie": f"__Host-fmn-session={secret}".encode("latin-1")}
        answer = await browser.get("/account", headers=headers)  # type: ignore[arg-type]  # bytes may be
    assert answer.status_code == 303


async def test_an_api_token_is_no_session(app: FastAPI, parts: Parts) -> None:
    alice = await account_of(parts, "alice")
    async with writing(parts.engine) as connection:
        secret = await issue(
            connection,
            alice.id,
            "api",
            scopes=frozenset({"read"}),
            expires=datetime.now(UTC) + timedelta(days=1),
        )
    async with Browser(app, secret) as browser:
        assert (await browser.get("/account")).status_code == 303


async def test_who_deleted_the_account_is_signed_out(signed_in_as: SignIn, parts: Parts) -> None:
    alice = await signed_in_as("alice")
    async with writing(parts.engine) as connection:
        await delete_account(connection, (await account_of(parts, "alice")).id)
    assert (await alice.get("/account")).status_code == 303


async def test_when_a_session_was_used_is_noted(signed_in_as: SignIn, parts: Parts) -> None:
    alice = await signed_in_as("alice")
    before = datetime.now(UTC) - timedelta(seconds=1)
    await alice.get("/nothing")
    async with reading(parts.engine) as connection:
        (session,) = await tokens_of(connection, (await account_of(parts, "alice")).id, "session")
    assert session.used
    assert session.used >= before
    assert session.scopes == {"read", "write"}
