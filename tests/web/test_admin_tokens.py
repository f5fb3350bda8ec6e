"""API tokens of operators: made on their account page, for a month at most."""

import re
from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI

from tests.web import people
from tests.web.callers import client
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
TOKEN = {"token": "watch", "scope": "admin", "days": "30"}


async def test_a_token_of_an_operator_reaches_what_operators_see(
    app: FastAPI, signed_in_as: SignIn
) -> None:
    olivia = await signed_in_as("olivia", admin=True)
    await people.account_of(app.state.parts, "alice")
    page = (await olivia.get("/account")).text
    assert 'value="admin"' in page
    assert "when you are no operator any more" in page
    answer = await olivia.submit("/account/tokens", **TOKEN)
    shown = re.search(r"<p><code>([^<]+)</code>", answer.text)
    assert shown
    async with client(app, shown[1]) as api:
        assert (await api.get("/me")).json()["token"]["scopes"] == ["admin", "read"]
        names = [each["name"] for each in (await api.get("/admin/users")).json()["users"]]
        assert names == ["alice", "olivia"]
        assert (await api.post("/destinations", json={})).status_code == 403
    assert "read, and all as an operator" in (await olivia.get("/account")).text


@pytest.mark.parametrize("days", ["31", "365"])
async def test_it_works_for_thirty_days_at_most(signed_in_as: SignIn, days: str) -> None:
    olivia = await signed_in_as("olivia", admin=True)
    answer = await olivia.submit("/account/tokens", **TOKEN | {"days": days})
    assert (answer.status_code, 'id="days-problem"' in answer.text) == (422, True)
    assert re.search(r'value="admin"[^>]* checked', answer.text)
    longer = await olivia.submit("/account/tokens", **TOKEN | {"days": days, "scope": "write"})
    assert longer.status_code == 200


async def test_who_is_no_operator_gets_none(signed_in_as: SignIn) -> None:
    alice = await signed_in_as("alice")
    assert 'value="admin"' not in (await alice.get("/account")).text
    answer = await alice.submit("/account/tokens", **TOKEN)
    assert (answer.status_code, 'id="scope-problem"' in answer.text) == (422, True)
