"""Importing much: others go on meanwhile, and what was exported can be brought again."""

from dataclasses import replace
from threading import current_thread, main_thread
from typing import Any, ClassVar, Self

import pytest
from fastapi import FastAPI
from pydantic import ValidationInfo, model_validator

from fmn.model import RuleId
from fmn.preferences.codec import size_of, write_user
from fmn.preferences.values import Preferences
from fmn.rules.bounds import LARGEST
from fmn.rules.filters.topic import Topic
from fmn.rules.regexes import Saved
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.storage.factories import a_rule, some_preferences
from tests.web import people
from tests.web.callers import caller

YAML = {"content-type": "application/yaml"}


def much(mark: str) -> Preferences:
    """Return preferences whose YAML is about 200 kB."""
    patterns = tuple(f"org.example.{mark}.{number}" for number in range(40))
    rules = (replace(a_rule(f"r{n}"), filters=(Topic(patterns=patterns),)) for n in range(150))
    return replace(some_preferences("alice"), rules=tuple(rules))


class Watched(Topic):
    """A filter that notes which threads read it from text and write it as text."""

    read: ClassVar[set[str]] = set()
    written: ClassVar[set[str]] = set()

    @property
    def kind(self) -> str:
        return "topic"

    @model_validator(mode="after")
    def _note(self, info: ValidationInfo) -> Self:
        if not isinstance(info.context, Saved):  # what SQL holds is read where it comes
            self.read.add(current_thread().name)
        return self

    def arguments(self) -> dict[str, Any]:
        self.written.add(current_thread().name)
        return super().arguments()


@pytest.mark.parametrize("way", ["export", "import", "dry run", "page", "page export"])
async def test_much_is_read_and_written_beside_the_loop(parts: Parts, way: str) -> None:
    await people.saved(parts, much("old"))
    app = create_app(replace(parts, filters={**parts.filters, "topic": Watched}))
    api = await caller(app, "alice")
    alice = await people.sign_in(app, parts, "alice")
    text = write_user(much("new"))
    ways = {
        "export": lambda: api.get("/preferences"),
        "import": lambda: api.put("/preferences", content=text, headers=YAML),
        "dry run": lambda: api.put("/preferences?dry_run=1", content=text, headers=YAML),
        "page": lambda: alice.submit("/account/import", yaml=text),
        "page export": lambda: alice.get("/account/preferences.yaml"),
    }
    for noted in (Watched.read, Watched.written):
        noted.clear()
    assert (await ways[way]()).status_code == 200
    if "export" in way:
        # The mark of what was exported is cheap: only that may be made in the loop.
        assert Watched.written - {main_thread().name}
    else:
        assert Watched.read
        assert main_thread().name not in Watched.read


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
