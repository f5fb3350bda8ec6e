"""Importing: others go on meanwhile, and what was exported can be brought again."""

from collections.abc import Mapping
from dataclasses import replace
from threading import current_thread, main_thread
from typing import Any, ClassVar, Self

import pytest
from fastapi import FastAPI
from pydantic import ValidationInfo, model_validator

from fmn.model import Destination, RuleId, UserId
from fmn.preferences.codec import size_of, write_user
from fmn.preferences.values import Preferences
from fmn.rules.bounds import LARGEST
from fmn.rules.filters.topic import Topic
from fmn.rules.regexes import Saved
from fmn.web.app import create_app
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, some_preferences
from tests.web import people
from tests.web.callers import caller, problem

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


ONCE = {
    "network": ("irc", "oftc/alice"),
    "service": ("birds", "ostrich:sand/t0ken-of-the-ostrich"),
    "kind": ("pigeon", "the loft"),
}
"""Kind and address of what an operator offered once."""


def with_places(places: Mapping[str, tuple[str, str]]) -> Preferences:
    """Return preferences with a destination of each of these kinds and addresses, and a rule."""
    made = tuple(_place(name, *place) for name, place in places.items())
    return Preferences(UserId("id-of-alice"), "alice", (), made, (a_rule("mine", *made),))


def _place(name: str, kind: str, address: str) -> Destination:
    return replace(a_destination(name), kind=kind, address=address)


async def test_what_is_not_offered_any_more_keeps_nobody_from_importing(app: FastAPI) -> None:
    theirs = with_places(ONCE)
    await people.saved(app.state.parts, theirs)
    api = await caller(app, "alice")
    alice = await people.sign_in(app, app.state.parts, "alice")
    exported = (await api.get("/preferences")).text

    put = await api.put("/preferences", content=exported, headers=YAML)
    assert (put.status_code, put.json()) == (200, {"changes": [], "unconfirmed": []})
    page = await alice.submit("/account/import", yaml=exported)
    assert (page.status_code, "say this already" in page.text) == (200, True)

    renamed = exported.replace("name: mine", "name: yours")
    for way in ("?dry_run=true", ""):
        put = await api.put(f"/preferences{way}", content=renamed, headers=YAML)
        assert put.status_code == 200
    [rule] = (await api.get("/rules")).json()["rules"]
    states = {to["state"] for to in (await api.get("/destinations")).json()["destinations"]}
    assert (rule["name"], rule["destinations"], states) == ("yours", list(ONCE), {"active"})


@pytest.mark.parametrize(
    ("name", "to", "field"),
    [
        ("network", ("irc", "oftc/bob"), "address"),
        ("service", ("birds", "ostrich:desert/t0ken-of-the-ostrich"), "address"),
        ("kind", ("pigeon", "another loft"), "kind"),
        ("kind", ("ostrich", "the loft"), "kind"),
        ("new", ("irc", "oftc/bob"), "address"),
        ("new", ("pigeon", "another loft"), "kind"),
    ],
)
async def test_what_is_not_offered_any_more_gets_no_new_address(
    app: FastAPI, name: str, to: tuple[str, str], field: str
) -> None:
    await people.saved(app.state.parts, with_places(ONCE))
    api = await caller(app, "alice")
    alice = await people.sign_in(app, app.state.parts, "alice")
    text = write_user(with_places(ONCE | {name: to}))

    said = problem(await api.put("/preferences", content=text, headers=YAML), 422)
    assert [fault["field"] for fault in said["errors"]] == [f"destinations.{name}.{field}"]
    assert (await alice.submit("/account/import", yaml=text)).status_code == 422


async def test_what_others_still_have_is_nothing_of_ones_own(app: FastAPI) -> None:
    await people.saved(app.state.parts, with_places(ONCE))
    api = await caller(app, "bob")
    text = write_user(with_places({"kind": ONCE["kind"]}))
    problem(await api.put("/preferences", content=text, headers=YAML), 422)


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
