"""Importing much: others go on meanwhile, and what was exported can be brought again."""

from collections.abc import Awaitable
from dataclasses import replace
from time import process_time, thread_time

import httpx
import pytest
from fastapi import FastAPI

from fmn.model import RuleId
from fmn.preferences.codec import size_of, write_user
from fmn.preferences.values import Preferences
from fmn.rules.bounds import LARGEST
from fmn.rules.filters.topic import Topic
from tests.storage.factories import a_rule, some_preferences
from tests.web import people
from tests.web.callers import caller

YAML = {"content-type": "application/yaml"}


def much(mark: str) -> Preferences:
    """Return preferences whose YAML is about 200 kB."""
    patterns = tuple(f"org.example.{mark}.{number}" for number in range(40))
    rules = (replace(a_rule(f"r{n}"), filters=(Topic(patterns=patterns),)) for n in range(150))
    return replace(some_preferences("alice"), rules=tuple(rules))


async def share_of_the_loop(asked: Awaitable[httpx.Response]) -> tuple[float, httpx.Response]:
    """Return which part of the processor's time the loop's own thread took, and the answer."""
    loop, all_ = thread_time(), process_time()
    answer = await asked
    return (thread_time() - loop) / (process_time() - all_), answer


@pytest.mark.parametrize("way", ["export", "import", "dry run", "page", "apply", "page export"])
async def test_others_go_on_while_much_is_brought_or_taken(app: FastAPI, way: str) -> None:
    await people.saved(app.state.parts, much("old"))
    api = await caller(app, "alice")
    alice = await people.sign_in(app, app.state.parts, "alice")
    text = write_user(much("new"))
    ways = {
        "export": lambda: api.get("/preferences"),
        "import": lambda: api.put("/preferences", content=text, headers=YAML),
        "dry run": lambda: api.put("/preferences?dry_run=1", content=text, headers=YAML),
        "page": lambda: alice.submit("/account/import", yaml=text),
        "apply": lambda: alice.submit("/account/import/apply", yaml=text, mark=""),
        "page export": lambda: alice.get("/account/preferences.yaml"),
    }
    share, answer = await share_of_the_loop(ways[way]())
    assert answer.status_code in {200, 409}
    assert share < 0.4


async def test_the_most_that_somebody_may_have_is_exported_and_imported(app: FastAPI) -> None:
    most = much("most")
    rule = most.rules[0]
    while size_of(most) < LARGEST:
        number = len(most.rules)
        another = replace(rule, id=RuleId(f"more-{number}"), name=f"more {number}")
        most = replace(most, rules=(*most.rules, another))
    most = replace(most, rules=most.rules[:-1])
    await people.saved(app.state.parts, most)
    api = await caller(app, "alice")
    alice = await people.sign_in(app, app.state.parts, "alice")
    exported = (await alice.get("/account/preferences.yaml")).text
    put = await api.put("/preferences", content=exported, headers=YAML)
    assert (put.status_code, put.json()["changes"]) == (200, [])
    pasted = exported.replace("\n", "\r\n")
    page = await alice.submit("/account/import", yaml=pasted)
    assert (page.status_code, "say this already" in page.text) == (200, True)
