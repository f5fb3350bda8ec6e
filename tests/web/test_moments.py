"""Times from outside: those no clock ever shows are refused, or shown as well as may be."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from fmn.model import DestinationState
from fmn.storage.accounts import set_time_zone
from fmn.storage.engine import open_engine, writing
from fmn.storage.schema import upgrade
from fmn.web.app import create_app
from fmn.web.parts import Parts
from fmn.web.showing import moment
from tests.storage.factories import a_destination, some_preferences
from tests.web import people
from tests.web.callers import caller, problem

EDGES = ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]


@pytest.fixture(params=["sqlite", "postgres"])
async def either(request: pytest.FixtureRequest, parts: Parts) -> AsyncIterator[FastAPI]:
    """The application on each sort of database, which read times differently."""
    if request.param == "sqlite":
        yield create_app(parts)
        return
    request.node.user_properties.append(("real", "yes"))
    url: str = request.getfixturevalue("postgres")
    await upgrade(url)
    async with open_engine(url) as engine:
        yield create_app(replace(parts, engine=engine))


@pytest.mark.parametrize("edge", EDGES)
async def test_a_mark_of_a_page_at_the_end_of_time_is_none_of_ours(
    either: FastAPI, edge: str
) -> None:
    alice = await people.sign_in(either, either.state.parts, "alice")
    page = await alice.get("/", params={"before": f"{edge} k"})
    assert page.status_code == 200
    api = await caller(either, "alice")
    after = base64.urlsafe_b64encode(json.dumps([edge, "k"]).encode()).decode()
    problem(await api.get("/deliveries", params={"after": after}), 422)


@pytest.mark.parametrize(
    "until",
    [
        *EDGES,
        "9999-12-31T23:59:59Z",
        pytest.param((datetime.now(UTC) + timedelta(days=367)).isoformat(), id="367 days"),
    ],
)
async def test_a_pause_lasts_a_year_at_most(app: FastAPI, parts: Parts, until: str) -> None:
    await people.saved(parts, some_preferences("alice"))
    api = await caller(app, "alice")
    [to] = (await api.get("/destinations")).json()["destinations"]
    at = f"/destinations/{to['id']}"
    [fault] = problem(await api.post(f"{at}/pause", json={"until": until}), 422)["errors"]
    assert fault["field"] == "until"
    assert (await api.get(at)).json()["state"] == "active"
    year = (datetime.now(UTC) + timedelta(days=364)).isoformat()
    assert (await api.post(f"{at}/pause", json={"until": year})).status_code == 200


@pytest.mark.parametrize("edge", ["9999-12-31T23:59Z", "0001-01-01T00:00Z"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Adak", "UTC"])
def test_every_time_can_be_shown_in_every_zone(edge: str, zone: str) -> None:
    assert moment(datetime.fromisoformat(edge), ZoneInfo(zone)).startswith(edge[:4].lstrip("0"))


async def test_the_pages_of_who_paused_until_the_end_of_time_are_there(
    parts: Parts, signed_in_as: Callable[..., Awaitable[people.Browser]]
) -> None:
    end = datetime.fromisoformat("9999-12-31T23:59Z")
    paused = replace(a_destination(), state=DestinationState.PAUSED, until=end)
    await people.saved(parts, replace(some_preferences("alice"), destinations=(paused,), rules=()))
    alice = await signed_in_as("alice", admin=True)
    async with writing(parts.engine) as connection:
        theirs = await people.account_of(parts, "alice")
        await set_time_zone(connection, theirs.id, "Pacific/Kiritimati")
    for path in ("/", "/destinations", "/rules/new", "/account", "/admin/users/alice"):
        assert (await alice.get(path)).status_code == 200
