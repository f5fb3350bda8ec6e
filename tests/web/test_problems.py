"""What goes wrong becomes a page: the right status, words for people, nothing of servers."""

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI

from fmn.errors import PreferencesError, Unavailable
from fmn.links import BadLink
from fmn.preferences.edits import Changed, NotThere
from fmn.web.sessions import NotAllowed, NotSignedIn
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NotAllowed("only operators may see this"), 403, "Only operators may see this"),
        (NotThere("rule 7"), 404, "There is no such thing, or not any more: rule 7"),
        (Changed(), 409, "Somebody changed it in between"),
        (PreferencesError("alice", "the name is <taken>"), 400, "the name is &lt;taken&gt;"),
        (BadLink(), 410, "It is too old, or was cut when it was copied"),
        (Unavailable("postgresql://db.internal/fmn", "refused"), 503, "Try again in a minute"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_an_error_is_a_page_with_the_way_back(
    error: Exception, status: int, words: str, app: FastAPI, signed_in_as: SignIn
) -> None:
    _raising(app, error)
    alice = await signed_in_as("alice")
    answer = await alice.get("/raise")
    assert answer.status_code == status
    assert words in answer.text
    assert "<h1>" in answer.text
    assert "db.internal" not in answer.text


def _raising(app: FastAPI, error: Exception) -> None:
    @app.get("/raise")
    @app.post("/raise")
    async def raises() -> None:
        raise error


async def test_what_was_to_be_posted_is_not_come_back_to(app: FastAPI, browser: Browser) -> None:
    _raising(app, NotSignedIn())
    assert (await browser.post("/raise?a=1")).headers["location"] == "/login"
    assert (await browser.get("/raise?a=1")).headers["location"] == "/login?next=%2Fraise%3Fa%3D1"


async def test_a_wrong_value_in_the_address_is_named(app: FastAPI, browser: Browser) -> None:
    @app.get("/counted")
    async def counted(after: int) -> int:
        return after

    answer = await browser.get("/counted?after=<b>")
    assert answer.status_code == 400
    assert "The value of after: " in answer.text
    assert "<b>" not in answer.text


async def test_a_way_that_is_not_there_says_which_are(browser: Browser) -> None:
    answer = await browser.delete("/login")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_below_the_api_it_is_a_problem_for_machines(browser: Browser) -> None:
    answer = await browser.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


async def test_what_the_title_says_is_not_said_again(app: FastAPI, browser: Browser) -> None:
    _raising(app, BadLink())
    page = (await browser.get("/raise")).text
    assert page.count("link does not work any more") == 2, "in <title> and in <h1>"
    assert "<p>It is too old, or was cut when it was copied</p>" in page
