"""Preferences as one text through the API, and whose token it is."""

import pytest
import yaml
from fastapi import FastAPI

from fmn.preferences.edits import block_rule
from fmn.web.changing import change
from tests.web.callers import caller, problem, with_rule

YAML = {"content-type": "application/yaml"}
TEXT = """
destinations:
  email: {kind: email, address: alice@example.org}
  other: {kind: email, address: other@example.org}
rules:
- {name: Builds of koji, filters: [{kind: topic, patterns: [a.*]}], destinations: [other]}
"""


async def test_what_was_exported_imports_as_no_change(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    exported = await api.get("/preferences")
    assert exported.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(exported.text)["rules"][0]["id"] == rule["id"]
    put = await api.put("/preferences", content=exported.text, headers=YAML)
    assert put.json() == {"changes": [], "unconfirmed": ["email"]}
    assert put.headers["etag"] == exported.headers["etag"]


async def test_a_dry_run_says_what_would_change_and_changes_nothing(app: FastAPI) -> None:
    api, _ = await with_rule(app)
    before = await api.get("/preferences")
    tried = await api.put("/preferences?dry_run=true", content=TEXT, headers=YAML)
    assert any(line.startswith("+") and "other@" in line for line in tried.json()["changes"])
    assert any(line.startswith("-") and "koji" in line for line in tried.json()["changes"])
    assert tried.json()["unconfirmed"] == ["email", "other"]
    assert (await api.get("/preferences")).text == before.text
    done = await api.put("/preferences", content=TEXT, headers=YAML)
    names = [line for line in done.json()["changes"] if "id:" not in line]
    assert names == [line for line in tried.json()["changes"] if "id:" not in line]
    [rule] = (await api.get("/rules")).json()["rules"]
    assert (rule["destinations"], rule["filters"][0]["kind"]) == (["other"], "topic")


async def test_an_import_over_a_change_that_was_not_seen_is_refused(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    seen = (await api.get("/preferences")).headers["etag"]
    await api.patch(f"/rules/{rule['id']}", json={"enabled": False})
    now = (await api.get("/preferences")).text
    for path in ("/preferences", "/preferences?dry_run=true"):
        late = await api.put(path, content=TEXT, headers=YAML | {"If-Match": seen})
        problem(late, 412)
    assert (await api.get("/preferences")).text == now


async def test_an_import_does_not_undo_what_an_operator_stopped(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    await change(
        app.state.parts,
        "alice",
        lambda mine: block_rule(mine, rule["id"], "too many"),
        by="olivia",
    )
    text = (await api.get("/preferences")).text.replace("Builds", "All builds")
    assert (await api.put("/preferences", content=text, headers=YAML)).status_code == 200
    [after] = (await api.get("/rules")).json()["rules"]
    assert (after["name"], after["blocked"]) == ("All builds of koji", "too many")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("rules: [{name: x, destinations: [email]}]", "rules[0].destinations[0]"),
        ("rules: {", ""),
        ("nosuch: 1", "nosuch"),
        ("destinations: {e: {kind: email, address: a b}}", "destinations.e.address"),
        ("destinations: {e: {kind: pigeon, address: a}}", "destinations.e.kind"),
    ],
)
async def test_yaml_that_cannot_be_used_is_refused_with_its_place(
    app: FastAPI, text: str, field: str
) -> None:
    api, _ = await with_rule(app)
    said = problem(await api.put("/preferences", content=text, headers=YAML), 422)
    assert [fault["field"] for fault in said["errors"]] == ([field] if field else [])
    assert said["detail"]


async def test_only_yaml_of_a_bounded_size_is_taken(app: FastAPI) -> None:
    api = await caller(app, "alice")
    json = {"content-type": "application/json"}
    problem(await api.put("/preferences", content="{}", headers=json), 415)
    long = "# " + "x" * 1024 * 1024
    problem(await api.put("/preferences", content=long, headers=YAML), 413)
    problem(await api.put("/preferences", content=b"\xff", headers=YAML), 422)


async def test_me_says_whose_token_it_is(app: FastAPI) -> None:
    me = (await (await caller(app, "alice", "read")).get("/me")).json()
    assert (me["name"], me["groups"]) == ("alice", ["python-sig"])
    assert (me["token"]["name"], me["token"]["scopes"]) == ("test", ["read"])
