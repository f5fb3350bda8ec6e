"""Rules through the API: written as in YAML, never overwritten unseen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from fmn.preferences.edits import switch_rule
from fmn.web.changing import change
from fmn.web.parts import Parts
from tests.web.callers import RULE, caller, problem, with_rule
from tests.web.fakes import FakeQueues
from tests.web.history import handled, some_messages


async def test_a_rule_comes_back_as_it_was_written(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    assert {name: rule[name] for name in RULE} == RULE
    assert (rule["enabled"], rule["everything"], rule["blocked"]) == (True, False, "")
    assert "koji" in rule["sentence"]
    read = await api.get(f"/rules/{rule['id']}")
    assert read.json() == rule
    assert (await api.get("/rules")).json()["rules"] == [rule]


async def test_a_new_rule_is_where_location_says(app: FastAPI) -> None:
    api, _ = await with_rule(app)
    added = await api.post("/rules", json=RULE | {"name": "Another", "id": "mine"})
    assert added.json()["id"] != "mine"
    there = added.headers["location"].removeprefix("/api/v1")
    assert (await api.get(there)).json() == added.json()


async def test_workers_are_told_of_a_change(app: FastAPI, queues: FakeQueues) -> None:
    await with_rule(app)
    assert len(queues.nudges) == 2


async def test_what_was_read_can_be_changed_and_put_back(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    read = await api.get(f"/rules/{rule['id']}")
    written = read.json() | {"name": "Other", "enabled": False}
    etag = {"If-Match": read.headers["etag"]}
    put = await api.put(f"/rules/{rule['id']}", json=written, headers=etag)
    assert put.status_code == 200
    assert (put.json()["name"], put.json()["enabled"], put.json()["id"]) == (
        "Other",
        False,
        rule["id"],
    )
    assert put.headers["etag"] != read.headers["etag"]
    assert (await api.get(f"/rules/{rule['id']}")).headers["etag"] == put.headers["etag"]


async def test_two_editors_do_not_overwrite_each_other(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    seen = {"If-Match": (await api.get(at)).headers["etag"]}
    assert (await api.put(at, json=RULE | {"name": "First"}, headers=seen)).status_code == 200
    for late in (
        await api.put(at, json=RULE | {"name": "Second"}, headers=seen),
        await api.patch(at, json={"enabled": False}, headers=seen),
        await api.delete(at, headers=seen),
    ):
        problem(late, 412)
    assert (await api.get(at)).json()["name"] == "First"


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        (None, 428),
        ("*", 200),
        ('"0000000000000000"', 412),
        ("0000000000000000", 412),
        ('"x", {etag}', 200),
        ("W/{etag}", 412),
    ],
)
async def test_who_changes_a_rule_says_what_was_seen(
    app: FastAPI, if_match: str | None, status: int
) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    etag = (await api.get(at)).headers["etag"]
    seen = {"If-Match": if_match.format(etag=etag)} if if_match else {}
    assert (await api.put(at, json=RULE, headers=seen)).status_code == status
    expected = 204 if status == 200 else status
    assert (await api.delete(at, headers=seen)).status_code == expected


async def test_a_rule_is_turned_off_and_nothing_else_of_it_changes(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    assert (await api.patch(at, json={"enabled": False})).json() == rule | {"enabled": False}
    for wrong in ({"enabled": "no"}, {}, {"enabled": True, "name": "x"}):
        problem(await api.patch(at, json=wrong), 422)
    assert (await api.get(at)).json() == rule | {"enabled": False}


async def test_a_deleted_rule_is_gone_until_it_is_restored(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    assert (await api.delete(at, headers={"If-Match": "*"})).status_code == 204
    problem(await api.get(at), 404)
    assert (await api.post(f"{at}/restore")).json() == rule
    assert (await api.get(at)).json() == rule
    problem(await api.post(f"{at}/restore"), 404)


async def test_a_deleted_rule_that_would_tell_nobody_stays_deleted(app: FastAPI) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    await api.delete(at, headers={"If-Match": "*"})
    [to] = (await api.get("/destinations")).json()["destinations"]
    assert (await api.delete(f"/destinations/{to['id']}")).status_code == 204
    problem(await api.post(f"{at}/restore"), 422)
    assert (await api.get("/rules")).json() == {"rules": []}


async def test_numbers_stay_exact(app: FastAPI) -> None:
    api, _ = await with_rule(app)
    text = (
        '{"name": "Exact", "destinations": ["email"], "filters": '
        '[{"kind": "field", "path": "a", "equals": 0.1000000000000000055511151231257827}]}'
    )
    json = {"content-type": "application/json"}
    added = await api.post("/rules", content=text, headers=json)
    assert "0.1000000000000000055511151231257827" in added.text
    assert "0.1000000000000000055511151231257827" in (await api.get("/rules")).text


@pytest.mark.parametrize(
    ("change_of", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"destinations": []}, "destinations"),
        ({"destinations": ["nosuch"]}, "destinations[0]"),
        ({"filters": []}, "filters"),
        ({"filters": [{"kind": "nosuch"}]}, "filters[0].kind"),
        ({"filters": [{"kind": "topic", "patterns": []}]}, "filters[0].patterns"),
        ({"filters": [{"kind": "topic", "patterns": ["a", 1]}]}, "filters[0].patterns[1]"),
        ({"filters": [{"kind": "regex", "patterns": ["("]}]}, "filters[0].patterns[0]"),
        ({"nosuch": 1}, "nosuch"),
    ],
)
async def test_what_is_wrong_is_named(app: FastAPI, change_of: dict[str, Any], field: str) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    wrong = RULE | {"name": "New"} | change_of
    for answer in (
        await api.post("/rules", json=wrong),
        await api.post("/rules/preview", json=wrong),
        await api.put(at, json=wrong, headers={"If-Match": "*"}),
    ):
        [fault] = problem(answer, 422)["errors"]
        assert fault["field"] == field
        assert fault["message"]
    assert (await api.get(at)).json() == rule


async def test_two_rules_do_not_have_one_name(app: FastAPI) -> None:
    api, _ = await with_rule(app)
    said = problem(await api.post("/rules", json=RULE | {"name": "BUILDS of koji"}), 422)
    assert said["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        ("{", "application/json", 422),
        ("[]", "application/json", 422),
        ("[" * 100_000, "application/json", 422),
        ('{"name": "\\ud800"}', "application/json", 422),
        ("\xff", "application/json", 422),
        ("name: x", "application/yaml", 415),
        ("{}", "", 415),
        ('"' + "x" * 1024 * 1024 + '"', "application/json", 413),
        ('"' + "x" * 3 * 1024 * 1024 + '"', "application/json", 413),
    ],
)
async def test_what_is_no_rule_at_all_is_refused(
    app: FastAPI, content: str, media: str, status: int
) -> None:
    api = await caller(app, "alice")
    headers = {"content-type": media} if media else {}
    answer = await api.post("/rules", content=content.encode("latin-1"), headers=headers)
    problem(answer, status)


async def test_a_preview_says_what_a_rule_would_have_sent_and_saves_nothing(
    app: FastAPI, parts: Parts, queues: FakeQueues
) -> None:
    api, rule = await with_rule(app)
    now = datetime.now(UTC)
    await handled(parts, some_messages(3, app="koji", topic="koji.build"), now)
    await handled(parts, some_messages(2, app="bodhi", name="b"), now - timedelta(days=1))
    wider = {"name": "All", "everything": True, "destinations": ["email"]}
    found = (await api.post("/rules/preview", json=wider)).json()
    assert found["total"] == 5
    assert found["known"] == 3
    assert found["overlap"] == {rule["name"]: 3}
    assert (found["keyed"], found["estimated"], len(found["days"])) == (False, False, 14)
    assert (found["keys"], found["examples"][0]["keys"]) == (None, None)
    koji = [each for each in found["examples"] if each["message"]["app"] == "koji"]
    assert koji[0]["other_rules"] == [rule["name"]]
    assert len((await api.get("/rules")).json()["rules"]) == 1
    alone = (await api.post("/rules/preview", json=RULE | {"id": rule["id"]})).json()
    assert (alone["total"], alone["known"], alone["keyed"]) == (3, 0, True)
    assert alone["keys"] == ["application koji"]
    assert alone["examples"][0]["keys"] == [{"key": "application koji", "present": True}]
    [answer] = alone["examples"][0]["filters"]
    assert answer == {"kind": "application", "negated": False, "holds": True, "deciding": ["koji"]}
    assert ("preview", "alice") in queues.uses


async def test_who_asks_for_too_many_previews_waits(app: FastAPI, queues: FakeQueues) -> None:
    api, _ = await with_rule(app)
    queues.refused.add("preview")
    answer = await api.post("/rules/preview", json=RULE)
    problem(answer, 429)
    assert int(answer.headers["retry-after"]) > 0
    queues.away = True
    assert (await api.post("/rules/preview", json=RULE)).status_code == 200


async def test_a_change_sees_what_was_saved_in_between(app: FastAPI, parts: Parts) -> None:
    api, rule = await with_rule(app)
    at = f"/rules/{rule['id']}"
    seen = {"If-Match": (await api.get(at)).headers["etag"]}
    await change(
        parts, "alice", lambda mine: switch_rule(mine, rule["id"], enabled=False), by="a page"
    )
    problem(await api.put(at, json=RULE, headers=seen), 412)
