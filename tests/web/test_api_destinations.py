"""Destinations through the API: where one hears, and whether anything arrives there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fmn.preferences.states import confirm
from fmn.web.changing import change
from tests.web.callers import EMAIL, caller, problem, with_rule
from tests.web.fakes import FakeQueues


async def with_destination(
    app: FastAPI, *, confirmed: bool = False
) -> tuple[httpx.AsyncClient, str, dict[str, Any]]:
    api = await caller(app, "alice")
    to = (await api.post("/destinations", json=EMAIL)).json()
    if confirmed:
        await change(app.state.parts, "alice", lambda mine: confirm(mine, to["id"]), by="alice")
    return api, f"/destinations/{to['id']}", to


async def test_a_new_destination_is_unconfirmed(app: FastAPI) -> None:
    api, at, to = await with_destination(app)
    assert {name: to[name] for name in EMAIL} == EMAIL
    assert (to["state"], to["until"]) == ("unconfirmed", None)
    assert (await api.get(at)).json() == to
    assert (await api.get("/destinations")).json() == {"destinations": [to]}


async def test_an_address_that_nothing_can_be_sent_to_is_refused(app: FastAPI) -> None:
    api = await caller(app, "alice")
    said = problem(await api.post("/destinations", json=EMAIL | {"address": "no address"}), 422)
    assert said["errors"][0]["field"] == "address"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "With Spaces"}, "name"),
        ({"name": None}, "name"),
        ({"kind": "pigeon"}, "kind"),
        ({"kind": ["email"]}, "kind"),
        ({"address": ""}, "address"),
        ({"digest": {"every": "1h"}}, "digest"),
        ({"state": "active"}, "state"),
    ],
)
async def test_what_is_wrong_is_named(app: FastAPI, wrong: dict[str, Any], field: str) -> None:
    api = await caller(app, "alice")
    said = problem(await api.post("/destinations", json=EMAIL | wrong), 422)
    assert [fault["field"] for fault in said["errors"]] == [field]


async def test_one_address_stands_once(app: FastAPI) -> None:
    api, _, _ = await with_destination(app)
    problem(await api.post("/destinations", json=EMAIL | {"name": "again"}), 422)


async def test_a_destination_goes_unless_a_rule_has_no_other(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    [to] = (await api.get("/destinations")).json()["destinations"]
    problem(await api.delete(f"/destinations/{to['id']}"), 422)
    await api.delete(f"/rules/{rule['id']}", headers={"If-Match": "*"})
    assert (await api.delete(f"/destinations/{to['id']}")).status_code == 204
    problem(await api.get(f"/destinations/{to['id']}"), 404)


async def test_an_address_is_asked_to_confirm(app: FastAPI, queues: FakeQueues) -> None:
    api, at, to = await with_destination(app)
    problem(await api.post(f"{at}/test"), 422)
    assert (await api.post(f"{at}/confirmation")).status_code == 202
    [(message, notification)] = queues.told
    assert notification.destination.id == to["id"]
    assert message.topic == "fmn.confirmation"


async def test_a_confirmed_destination_can_be_tested(app: FastAPI, queues: FakeQueues) -> None:
    api, at, _ = await with_destination(app, confirmed=True)
    problem(await api.post(f"{at}/confirmation"), 422)
    assert (await api.post(f"{at}/test")).status_code == 202
    assert [message.topic for message, _ in queues.told] == ["fmn.test"]


@pytest.mark.parametrize(("confirmed", "what"), [(False, "confirmation"), (True, "test")])
async def test_letters_are_limited_and_need_the_queues(
    app: FastAPI, queues: FakeQueues, confirmed: bool, what: str
) -> None:
    api, at, _ = await with_destination(app, confirmed=confirmed)
    queues.refused.add(what)
    answer = await api.post(f"{at}/{what}")
    problem(answer, 429)
    assert int(answer.headers["retry-after"]) > 0
    queues.refused.clear()
    queues.away = True
    answer = await api.post(f"{at}/{what}")
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert queues.told == []


async def test_a_destination_is_paused_and_resumed(app: FastAPI) -> None:
    api, at, to = await with_destination(app, confirmed=True)
    paused = (await api.post(f"{at}/pause", json={"until": None})).json()
    assert (paused["state"], paused["until"]) == ("paused", None)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    paused = (await api.post(f"{at}/pause", json={"until": until.isoformat()})).json()
    assert (paused["state"], datetime.fromisoformat(paused["until"])) == ("paused", until)
    resumed = (await api.post(f"{at}/resume")).json()
    assert resumed == to | {"state": "active"}


@pytest.mark.parametrize(
    "body",
    [
        {"until": "tomorrow"},
        {"until": 7},
        {"until": "2099-01-01T00:00:00"},
        {"until": "2001-01-01T00:00:00Z"},
        {"for": "day"},
    ],
)
async def test_a_pause_ends_at_a_time_to_come(app: FastAPI, body: dict[str, Any]) -> None:
    api, at, _ = await with_destination(app, confirmed=True)
    [fault] = problem(await api.post(f"{at}/pause", json=body), 422)["errors"]
    assert fault["field"] in {"until", "for"}
    assert (await api.get(at)).json()["state"] == "active"


async def test_what_is_unconfirmed_cannot_be_paused(app: FastAPI) -> None:
    api, at, _ = await with_destination(app)
    problem(await api.post(f"{at}/pause", json={}), 422)
