"""Judging the history: out of the loop, without a connection, and only so much of it at once."""

import asyncio
from dataclasses import replace

import pytest
from fastapi import FastAPI

from fmn.model import RuleId
from fmn.rules.rule import Rule
from fmn.web.app import create_app
from fmn.web.editor.preview import preview
from fmn.web.history.why import why
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, eventually, some_preferences
from tests.web import people
from tests.web.callers import caller, problem
from tests.web.fakes import FakeQueues
from tests.web.gate import Gate, filter_at
from tests.web.history import handled, some_messages

WAITING = {"name": "Waiting", "filters": [{"kind": "gate"}], "everything": True}


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def parts(parts: Parts, gate: Gate) -> Parts:
    """Parts with a filter that waits."""
    return replace(parts, filters={**parts.filters, "gate": filter_at(gate)})


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    return create_app(parts)


@pytest.fixture
async def message(parts: Parts) -> str:
    """Id of a message that came just now."""
    await handled(parts, some_messages(1), parts.now())
    return "m-0"


def waiting(parts: Parts) -> Rule:
    asked = parts.filters["gate"]()
    return Rule(RuleId("r-1"), "alice", "Waiting", (asked,), (a_destination(),))


async def previews(app: FastAPI, gate: Gate, *names: str, until: int) -> list[int]:
    """Ask for a preview for each of these names at once; open the gate when so many wait there."""
    apis = [await caller(app, name) for name in names]
    for name in set(names):
        await people.saved(app.state.parts, some_preferences(name))
    body = WAITING | {"destinations": ["email"]}
    asked = [asyncio.create_task(api.post("/rules/preview", json=body)) for api in apis]
    await eventually(lambda: gate.inside == until)
    # Time for one more to come, if one may: what waits is nothing that could be waited for.
    for _ in range(20):
        await apis[0].get("/me")
    gate.open()
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def test_a_preview_holds_no_connection_while_it_judges(
    parts: Parts, gate: Gate, message: str
) -> None:
    assert message
    task = asyncio.create_task(preview(parts, some_preferences("alice"), waiting(parts)))
    await eventually(lambda: gate.inside == 1)
    held = parts.engine.pool.status()
    gate.open()
    assert (await task).total == 1
    assert "Current Checked out connections: 0" in held


async def test_two_previews_of_one_user_are_judged_at_once_and_others_do_not_wait(
    app: FastAPI, gate: Gate, message: str
) -> None:
    assert message
    answers = await previews(app, gate, "alice", "alice", "alice", "alice", "bob", until=3)
    assert (answers, gate.most) == ([200] * 5, 3)


async def test_four_previews_are_judged_at_once_whosoever_they_are(
    app: FastAPI, gate: Gate, message: str
) -> None:
    assert message
    answers = await previews(app, gate, "alice", "bob", "charlie", "dave", "eve", until=4)
    assert (answers, gate.most) == ([200] * 5, 4)


async def test_others_go_on_while_why_is_judged(parts: Parts, gate: Gate, message: str) -> None:
    await people.saved(parts, replace(some_preferences("alice"), rules=(waiting(parts),)))
    task = asyncio.create_task(why(parts, "alice", message, now=True))
    await eventually(lambda: gate.inside == 1)
    gate.open()
    found = await task
    assert found
    assert (found.matched, gate.was_shut) == (True, False)


async def test_why_is_limited_like_previews(app: FastAPI, queues: FakeQueues, message: str) -> None:
    api = await caller(app, "alice")
    alice = await people.sign_in(app, app.state.parts, "alice")
    asked = {"message": message}
    assert (await api.get("/explain", params=asked)).status_code == 200
    assert (await alice.get("/why", params=asked)).status_code == 200
    assert queues.uses == [("preview", "alice")] * 2
    queues.refused.add("preview")
    answer = await api.get("/explain", params=asked)
    problem(answer, 429)
    assert int(answer.headers["retry-after"]) > 0
    page = await alice.get("/why", params=asked)
    assert (page.status_code, "Wait a minute" in page.text) == (429, True)
    assert (await alice.get("/why")).status_code == 200
