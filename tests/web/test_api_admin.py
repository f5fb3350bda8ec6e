"""What operators do through the API, and what the audit log says of it."""

import httpx
import pytest
from fastapi import FastAPI

from fmn.storage import audit
from fmn.storage.engine import writing
from fmn.web.parts import Parts
from tests.web.callers import caller, problem, with_rule
from tests.web.people import account_of


@pytest.fixture
async def olivia(app: FastAPI) -> httpx.AsyncClient:
    return await caller(app, "olivia", "admin")


async def entries(api: httpx.AsyncClient) -> list[tuple[str, str, str, str]]:
    found = (await api.get("/admin/audit")).json()["entries"]
    return [(one["by"], one["action"], one["about"], one["detail"]) for one in found]


async def test_users_come_in_pages_each_once(
    app: FastAPI, parts: Parts, olivia: httpx.AsyncClient
) -> None:
    names = {f"user{number:03}" for number in range(120)}
    for name in names:
        await account_of(parts, name)
    found: list[str] = []
    at: str | None = "/admin/users?search=SER"
    while at:
        answer = await olivia.get(at)
        found += [each["name"] for each in answer.json()["users"]]
        at = answer.links["next"]["url"].removeprefix("/api/v1") if answer.links else None
        assert bool(at) is bool(answer.json()["next"])
    assert found == sorted(names)


async def test_a_look_at_somebodys_rules_is_audited_and_shows_no_address(
    app: FastAPI, olivia: httpx.AsyncClient
) -> None:
    _, rule = await with_rule(app)
    looked = await olivia.get("/admin/users/alice/rules")
    assert looked.json() == {"rules": [rule]}
    assert "@" not in looked.text
    assert await entries(olivia) == [("olivia", "looked at rules", "alice", "")]
    problem(await olivia.get("/admin/users/nobody/rules"), 404)


async def test_a_name_may_hold_a_slash(
    app: FastAPI, parts: Parts, olivia: httpx.AsyncClient
) -> None:
    await account_of(parts, "host/one")
    assert (await olivia.get("/admin/users/host%2Fone/rules")).json() == {"rules": []}
    assert (await entries(olivia))[0][2] == "host/one"


async def test_an_operator_stops_a_rule_with_a_reason_that_its_owner_reads(
    app: FastAPI, olivia: httpx.AsyncClient
) -> None:
    api, rule = await with_rule(app)
    at = f"/admin/users/alice/rules/{rule['id']}"
    for wrong in ({"reason": ""}, {"reason": 1}, {}, {"reason": "x" * 301}, {"why": "x"}):
        problem(await olivia.post(f"{at}/block", json=wrong), 422)
    stopped = (await olivia.post(f"{at}/block", json={"reason": "too many"})).json()
    assert stopped == rule | {"blocked": "too many"}
    assert (await api.get(f"/rules/{rule['id']}")).json()["blocked"] == "too many"
    assert (await olivia.post(f"{at}/unblock")).json() == rule
    done = [(by, action, about) for by, action, about, _ in await entries(olivia)]
    assert ("olivia", "stopped a rule", "alice") in done
    assert ("olivia", "let a rule go on", "alice") in done
    problem(await olivia.post("/admin/users/alice/rules/nosuch/unblock"), 404)


async def test_the_audit_log_comes_in_pages_each_entry_once(
    parts: Parts, olivia: httpx.AsyncClient
) -> None:
    async with writing(parts.engine) as connection:
        for number in range(7):
            await audit.note(connection, by="o", action="looked at rules", detail=str(number))
    found: list[str] = []
    query = {"limit": 3}
    while True:
        page = (await olivia.get("/admin/audit", params=query)).json()
        found += [entry["detail"] for entry in page["entries"]]
        if page["next"] is None:
            break
        query |= {"before": page["next"]}
    assert found == [str(number) for number in reversed(range(7))]


async def test_reading_and_writing_make_no_operator(app: FastAPI) -> None:
    alice = await caller(app, "alice", "read", "write")
    for path in ("/admin/users", "/admin/audit", "/admin/users/alice/rules"):
        answer = await alice.get(path)
        problem(answer, 403)
        assert 'scope="admin"' in answer.headers["www-authenticate"]
