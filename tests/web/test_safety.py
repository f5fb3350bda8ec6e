"""Whoever asks, from wherever: what no page may forget."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from fmn.web.forms import posted
from fmn.web.safety import LARGEST
from tests.web.people import Browser, is_signed_in
from tests.web.routes import LOGIN, SIGNED, address_of, name_of, page_routes

PAGES = list(page_routes())
SignIn = Callable[..., Awaitable[Browser]]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
async def test_nobody_gets_no_further_than_the_login(
    page: tuple[str, APIRoute], browser: Browser
) -> None:
    method, route = page
    path = address_of(route)
    answer = await browser.request(method, path)
    if path == "/sw.js":
        assert answer.headers["content-type"].startswith("text/javascript")
    elif path in LOGIN:
        assert not answer.headers.get("set-cookie")
    elif path == "/":
        assert "<h1>Hear of what matters to you</h1>" in answer.text
    elif path.startswith(SIGNED):
        assert answer.status_code in {404, 410}
    else:
        onward = answer.headers.get("location", "")
        assert (answer.status_code, onward.partition("?")[0]) == (303, "/login")


def test_there_is_nothing_but_pages_the_api_and_static_files(app: FastAPI) -> None:
    paths = {path for route in app.routes if (path := getattr(route, "path", None))}
    assert {path for path in paths if not path.startswith(("/api", "/static"))} <= {
        route.path for _, route in PAGES
    }


@pytest.mark.parametrize(
    "page",
    [
        page
        for page in PAGES
        if page[0] != "GET" and not page[1].path.startswith(SIGNED) and page[1].path not in LOGIN
    ],
    ids=name_of,
)
def test_a_page_that_changes_something_asks_whether_the_form_is_ours(
    page: tuple[str, APIRoute],
) -> None:
    assert posted in set(_calls(page[1].dependant))


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ä"])
async def test_a_form_of_another_session_is_refused(csrf: str, signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    answer = await alice.post("/logout", data={"csrf": csrf})
    assert answer.status_code == 403
    assert await is_signed_in(alice)


HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
}


def _safety_of(answer: httpx.Response) -> dict[str, str | None]:
    return {name: answer.headers.get(name) for name in HEADERS}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
async def test_every_page_has_the_headers(
    page: tuple[str, APIRoute], browser: Browser, signed_in_as: SignIn
) -> None:
    method, route = page
    operator = await signed_in_as("olga", admin=True)
    for somebody in (browser, operator):
        answer = await somebody.request(method, address_of(route))
        assert _safety_of(answer) == HEADERS
        assert "permissions-policy" in answer.headers


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/static/nothing", "/rules%00"])
async def test_what_is_not_there_has_the_headers_too(path: str, browser: Browser) -> None:
    answer = await browser.get(path)
    assert answer.status_code in {400, 401, 404}
    assert _safety_of(answer) == HEADERS


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example"},
    {"origin": "https://fmn.example.evil.example"},
    {"origin": "null"},
    {"origin": "https://fmn.example:444"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_foreign_page_may_not_post(headers: dict[str, str], signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    answer = await alice.post("/logout", data={"csrf": alice.csrf}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert await is_signed_in(alice)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://fmn.example", "sec-fetch-site": "same-origin"},
        {"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8080"},
        {},
    ],
    ids=str,
)
async def test_our_own_page_may_post(headers: dict[str, str], signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    answer = await alice.post("/logout", data={"csrf": alice.csrf}, headers=headers)
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/stop/x", "/undo/x", "/confirm/x", "/api/v1/rules"])
@pytest.mark.parametrize("headers", FOREIGN[:2], ids=str)
async def test_signed_links_and_tokens_need_no_page_of_ours(
    path: str, headers: dict[str, str], browser: Browser
) -> None:
    answer = await browser.post(path, headers=headers)
    assert answer.status_code in {401, 404, 405, 410}


async def test_a_body_that_says_it_is_too_large_is_not_read(browser: Browser) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    headers = {"content-length": str(LARGEST + 1)}
    answer = await browser.post("/login", content=body(), headers=headers)
    assert answer.status_code == 413
    assert not read


@pytest.mark.parametrize("path", ["/login", "/rules", "/stop/x"])
async def test_an_endless_body_is_cut_off(path: str, app: FastAPI, signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    sent: list[MutableMapping[str, Any]] = []
    asked = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        asked += 1
        assert asked < 100
        return {"type": "http.request", "body": b"a=" + b"x" * 65_536, "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    cookie = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    headers = {"content-type": "application/x-www-form-urlencoded", "cookie": cookie}
    await app(_post(path, headers), receive, send)
    assert sent[0]["status"] in {400, 404, 410, 413}
    assert asked <= LARGEST // 65_536 + 1


def _post(path: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
        "server": ("fmn.example", 443),
    }


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(app: FastAPI) -> None:
    @app.post("/swallow")
    async def swallow(request: Request) -> int:
        return len(await request.body())

    async def chunks(length: int) -> AsyncIterator[bytes]:
        for _ in range(length // 65_536):
            yield b"x" * 65_536
        yield b"x" * (length % 65_536)

    async with Browser(app) as browser:
        answer = await browser.post("/swallow", content=chunks(LARGEST))
        assert answer.json() == LARGEST
        answer = await browser.post("/swallow", content=chunks(LARGEST + 1))
        assert answer.status_code == 413
        assert "2048 KiB" in answer.text


async def test_a_large_body_for_the_api_is_a_problem_for_machines(browser: Browser) -> None:
    answer = await browser.post("/api/v1/rules", content=b"x" * (LARGEST + 1))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_address_with_null_is_refused(browser: Browser) -> None:
    assert (await browser.get("/login?next=%00")).status_code == 400


@pytest.mark.parametrize("path", ["/rules/", "/static", "/api/v1", "/api/v1/rules/"])
async def test_nobody_is_sent_to_the_host_a_request_names(browser: Browser, path: str) -> None:
    answer = await browser.get(path, headers={"host": "evil.example"})
    assert (answer.status_code, "evil" in str(answer.headers)) == (404, False)


async def test_a_page_that_is_not_there_says_so_and_keeps_the_way_back(
    signed_in_as: SignIn,
) -> None:
    alice = await signed_in_as("alice")
    answer = await alice.get("/<b>nothing")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'href="/destinations"' in answer.text
    assert "<b>" not in answer.text


async def test_a_fault_of_ours_says_nothing_of_it(app: FastAPI) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://fmn.example") as browser:
        answer = await browser.get("/broken")
    assert answer.status_code == 500
    assert "It is not your fault" in answer.text
    assert "hunter2" not in answer.text
    assert _safety_of(answer) == HEADERS
