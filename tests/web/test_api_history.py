"""What reached somebody, and why, through the API."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from fmn.emission import Handled, Outcome, State
from fmn.model import DestinationId, MessageId, RuleId, key_of
from fmn.storage.engine import reading
from fmn.storage.preferences import newest
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import recorded
from tests.web.callers import caller, problem, with_rule

NOW = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)


async def delivered(
    parts: Parts, api: httpx.AsyncClient, many: int, state: State = State.SENT
) -> None:
    """Record that so many messages went to the caller's destination, all at two moments."""
    [to] = (await api.get("/destinations")).json()["destinations"]
    [rule] = (await api.get("/rules")).json()["rules"]
    async with reading(parts.engine) as connection:
        version = await newest(connection)
    for number in range(many):
        message = a_message(f"m:{number}", app="koji")
        key = key_of(MessageId(message.id), DestinationId(to["id"]))
        at = NOW + timedelta(seconds=number % 2)
        await recorded(
            parts.engine,
            Handled(message, at, version, 1),
            Outcome(key, "email", (RuleId(rule["id"]),), state, at, 1),
        )


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_of_deliveries_have_each_once(app: FastAPI, parts: Parts, limit: int) -> None:
    api, _ = await with_rule(app)
    await delivered(parts, api, 7)
    found: list[str] = []
    times: list[str] = []
    at: str | None = f"/deliveries?limit={limit}"
    while at:
        answer = await api.get(at)
        page = answer.json()
        assert 0 < len(page["deliveries"]) <= limit
        found += [each["message"] for each in page["deliveries"]]
        times += [each["at"] for each in page["deliveries"]]
        assert bool(answer.links) is bool(page["next"])
        at = answer.links["next"]["url"].removeprefix("/api/v1") if answer.links else None
    assert sorted(found) == [f"m:{number}" for number in range(7)]
    assert times == sorted(times, reverse=True)


async def test_a_delivery_says_what_came_of_it(app: FastAPI, parts: Parts) -> None:
    api, rule = await with_rule(app)
    await delivered(parts, api, 1, State.SUPPRESSED)
    bob, _ = await with_rule(app, "bob")
    [one] = (await api.get("/deliveries")).json()["deliveries"]
    assert (one["state"], one["destination"], one["kind"]) == ("suppressed", "email", "email")
    assert one["rules"] == [{"id": rule["id"], "name": rule["name"]}]
    assert datetime.fromisoformat(one["at"]) == NOW
    assert (await bob.get("/deliveries")).json() == {"deliveries": [], "next": None}


async def test_an_explanation_names_each_rule_and_what_decided(app: FastAPI, parts: Parts) -> None:
    api, rule = await with_rule(app)
    await delivered(parts, api, 1)
    said = (await api.get("/explain", params={"message": "m:0"})).json()
    assert (said["message"], said["user"], said["by"]) == ("m:0", "alice", "then")
    [verdict] = said["rules"]
    assert (verdict["rule"], verdict["matched"]) == (rule["name"], True)
    assert verdict["filters"][0]["deciding"] == ["koji"]
    assert verdict["keys"] == [{"key": "application koji", "present": True}]
    assert [each["state"] for each in said["deliveries"]] == ["sent"]


async def test_by_now_is_by_the_rules_of_now(app: FastAPI, parts: Parts) -> None:
    api, rule = await with_rule(app)
    await delivered(parts, api, 1)
    await api.delete(f"/rules/{rule['id']}", headers={"If-Match": "*"})
    then = (await api.get("/explain?message=m:0&by=then")).json()
    now = (await api.get("/explain?message=m:0&by=now")).json()
    assert ([each["rule"] for each in then["rules"]], now["rules"]) == ([rule["name"]], [])


async def test_a_message_one_may_not_see_is_not_there(app: FastAPI, parts: Parts) -> None:
    secret = a_message("secret", private=True, users=frozenset({"bob"}))
    await recorded(parts.engine, Handled(secret, NOW, 1, 0))
    alice, bob = await caller(app, "alice"), await caller(app, "bob")
    problem(await alice.get("/explain?message=secret"), 404)
    problem(await alice.get("/explain?message=nosuch"), 404)
    assert (await bob.get("/explain?message=secret")).status_code == 200


async def test_values_are_offered_from_what_was_seen(app: FastAPI, parts: Parts) -> None:
    lines = [
        Handled(a_message(f"{app_}-{number}", app=app_), NOW, 1, 0)
        for app_, many in (("koji", 3), ("kojira", 1), ("bodhi", 2))
        for number in range(many)
    ]
    hidden = Handled(a_message("x", app="hidden", private=True), NOW, 1, 0)
    await recorded(parts.engine, *lines, hidden)
    api = await caller(app, "alice")
    assert (await api.get("/seen?field=application&containing=KO")).json() == {
        "values": [{"value": "koji", "messages": 3}, {"value": "kojira", "messages": 1}]
    }
    some = (await api.get("/seen?field=application&limit=1")).json()["values"]
    assert [each["value"] for each in some] == ["koji"]
    everything = (await api.get("/seen?field=application")).json()["values"]
    assert {each["value"] for each in everything} == {"koji", "kojira", "bodhi"}
