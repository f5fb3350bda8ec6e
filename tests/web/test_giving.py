"""Giving an address by fields, of kinds with one form and with many; secrets are never shown."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import structlog
from fastapi import FastAPI

from fmn.model import Destination, DestinationState, UserId
from fmn.preferences.codec import read_user, write_user
from fmn.preferences.values import Preferences
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.app import create_app
from fmn.web.destinations.addresses import masked
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule
from tests.web import people
from tests.web.callers import caller, client, problem
from tests.web.crawl import crawled
from tests.web.editing import inputs, says
from tests.web.fakes import BIRDS, Birds, FakeQueues
from tests.web.people import Browser

SECRET = "t0ken-of-the-parrot"  # noqa: S105  # made up
ADDRESS = f"parrot:perch/{SECRET}"
PARROT = {
    "kind": "birds", "form": "Parrot", "address.room": "perch", "address.token": SECRET,
}  # fmt: skip
YAML = {"content-type": "application/yaml"}


@pytest.fixture
async def alice(signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    """Somebody who has nothing yet."""
    return await signed_in_as("alice")


async def mine(parts: Parts) -> Preferences:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, "alice", parts.filters)
    assert found
    return found


def form_on(page: str, id_: str) -> str:
    """Return the form of this id, and the summary before it."""
    return page.partition(f'id="{id_}"')[2].partition("</form>")[0]


def opened(page: str) -> list[str]:
    """Return what the ways to add are called that are open."""
    return re.findall(r"<details[^>]* open[^>]*>\s*<summary>([^<]*)", page)


async def test_each_way_to_give_an_address_is_a_form(alice: Browser) -> None:
    page = (await alice.get("/destinations")).text
    titles = re.findall(r"<summary>([^<]*)</summary>", page)
    assert titles == ["E-mail", *BIRDS[:4], "IRC", "2 more services", *BIRDS[4:]]
    assert opened(page) == ["E-mail"]
    parrot = form_on(page, "birds-3")
    assert 'name="kind" value="birds"' in parrot
    assert 'name="form" value="Parrot"' in parrot
    assert re.search(r'name="address.token" type="password"[^>]* autocomplete="off"', parrot)
    assert re.search(r'name="address.room" value=""', parrot)


async def test_an_address_is_put_together_from_its_fields(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    answer = await alice.submit("/destinations", **PARROT)
    assert answer.headers["location"] == "/destinations?said=sent"
    await alice.submit("/destinations", **PARROT | {"address.room": "cage", "name": "cage"})
    await alice.submit("/destinations", **PARROT | {"address.room": "ship"})
    found = (await mine(parts)).destinations
    assert [(each.kind, each.address, each.name) for each in found] == [
        ("birds", ADDRESS, "parrot"),
        ("birds", f"parrot:cage/{SECRET}", "cage"),
        ("birds", f"parrot:ship/{SECRET}", "parrot-2"),
    ]
    assert {each.state for each in found} == {DestinationState.UNCONFIRMED}
    assert [told.destination for _, told in queues.told] == list(found)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"address.token": "short-one"}, "birds-3"),
        ({"address.token": ""}, "birds-3"),
        ({"name": "Not a name"}, "birds-3-name"),
        ({"address.room": "x" * 3000}, "birds-3"),
        ({"form": "Owl", "address.room": ""}, "birds-5"),
    ],
)
async def test_what_is_wrong_is_said_there_and_no_secret_comes_back(
    alice: Browser, parts: Parts, typed: dict[str, str], field: str
) -> None:
    fields = PARROT | typed
    answer = await alice.submit("/destinations", **fields)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert f'id="{field}-problem"' in answer.text
    assert fields["form"] in opened(answer.text)
    assert ("2 more services" in opened(answer.text)) is (fields["form"] == "Owl")
    assert "E-mail" not in opened(answer.text)
    assert SECRET not in answer.text
    assert "short-one" not in answer.text
    assert "type it once more" in answer.text
    there = form_on(answer.text, field.removesuffix("-name"))
    assert f'name="address.room" value="{fields["address.room"][:2000]}"' in there
    assert (await mine(parts)).destinations == ()


async def test_an_address_stands_once_and_what_was_typed_of_it_stays(alice: Browser) -> None:
    await alice.submit("/destinations", **PARROT)
    answer = await alice.submit("/destinations", **PARROT | {"name": "again"})
    assert answer.status_code == 422
    assert "the destination parrot has this kind and address" in says(answer)
    assert inputs(answer, "address.room").count("perch") == 1
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "typed", [{"kind": "pigeon"}, {"kind": ""}, {"form": "Ostrich"}, {"form": ""}]
)
async def test_a_form_that_is_not_offered_is_refused(
    alice: Browser, parts: Parts, typed: dict[str, str]
) -> None:
    answer = await alice.submit("/destinations", **PARROT | typed)
    assert (answer.status_code, '<a href="#add">' in answer.text) == (422, True)
    assert (await mine(parts)).destinations == ()


async def test_a_kind_that_lacks_a_setting_is_not_offered_and_confirms_nothing(
    parts: Parts, queues: FakeQueues
) -> None:
    kinds = {**parts.kinds, "birds": Birds("senders.birds.nest is not set")}
    without = replace(parts, kinds=kinds)
    alice = await people.sign_in(create_app(without), without, "alice")
    assert "Parrot" not in (await alice.get("/destinations")).text
    assert (await alice.submit("/destinations", **PARROT)).status_code == 422
    await keep(parts, a_parrot(state=DestinationState.UNCONFIRMED))
    assert "senders.birds.nest is not set" in (await alice.get("/destinations")).text
    assert queues.told == []


SILENT = {
    "unknown": ("ostrich", "nothing is sent to addresses of this kind any more"),
    "lacking": ("birds", "nothing can be sent to addresses of this kind now: senders.birds.nest"),
}


@pytest.mark.parametrize("name", SILENT)
async def test_no_test_is_sent_where_the_kind_sends_nothing(
    parts: Parts, queues: FakeQueues, name: str
) -> None:
    kind, said = SILENT[name]
    kinds = {**parts.kinds, "birds": Birds("senders.birds.nest is not set")}
    silent = replace(parts, kinds=kinds)
    app = create_app(silent)
    active = replace(a_parrot(), kind=kind)
    await keep(parts, active)
    alice, api = await people.sign_in(app, silent, "alice"), await caller(app, "alice")

    page = await alice.get("/destinations")
    assert said in says(page)
    assert f"/destinations/{active.id}/test" not in page.text
    answer = await alice.submit(f"/destinations/{active.id}/test")
    assert (answer.status_code, said in says(answer).replace("Nothing", "nothing")) == (409, True)
    assert said in problem(await api.post(f"/destinations/{active.id}/test"), 422)["detail"]
    assert (queues.told, queues.uses) == ([], [])


async def test_push_is_offered_by_a_browser_and_only_with_a_key(alice: Browser) -> None:
    assert "push" not in (await alice.get("/destinations")).text


def a_parrot(**changes: Any) -> Destination:
    return replace(a_destination("parrot"), kind="birds", address=ADDRESS, **changes)


async def keep(parts: Parts, *destinations: Destination) -> Preferences:
    rules = (a_rule("talk", *destinations),)
    theirs = Preferences(UserId("id-of-alice"), "alice", (), destinations, rules)
    await people.saved(parts, theirs)
    return theirs


@pytest.mark.parametrize("state", [DestinationState.UNCONFIRMED, DestinationState.BOUNCING])
async def test_a_secret_stands_on_no_page_but_the_export(
    parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]], state: DestinationState
) -> None:
    await keep(parts, a_parrot(state=state))
    alice = await signed_in_as("alice", admin=True)
    with structlog.testing.capture_logs() as logged:
        found = await crawled(alice)
    shown = {at.path for at in found if SECRET in at.answer.text}
    assert shown == {"/account/preferences.yaml"}
    assert "/admin/users/alice" in {at.path for at in found}
    assert SECRET not in str(logged)
    page = (await alice.get("/destinations")).text
    assert "parrot:perch/…" in page


async def test_an_import_says_no_secret_that_it_changes(alice: Browser, parts: Parts) -> None:
    theirs = await keep(parts, a_parrot())
    text = write_user(theirs).replace(SECRET, "another-secret")
    page = (await alice.submit("/account/import", yaml=text)).text
    field = re.search(r'<textarea name="yaml" hidden.*?</textarea>', page, re.DOTALL)
    assert field, "what was pasted goes back, to be posted once more"
    rest = page.replace(field[0], "")
    assert ("another-secret" in field[0], SECRET in page) == (True, False)
    assert "another-secret" not in rest
    assert "parrot:perch/…" in unescape(rest)
    assert re.search(r"<ins>.*id: ", rest), "that it is another address is seen all the same"


async def test_the_export_brings_the_address_back(alice: Browser, parts: Parts) -> None:
    theirs = await keep(parts, a_parrot())
    text = (await alice.get("/account/preferences.yaml")).text
    assert ADDRESS in text
    back = read_user(text, user="alice", where="export", filters=parts.filters, senders=parts.kinds)
    assert back.destinations[0].address == theirs.destinations[0].address
    assert "with what is secret in them" in says(await alice.get("/account"))


async def test_the_api_takes_fields_and_shows_no_secret(app: FastAPI, parts: Parts) -> None:
    api = await caller(app, "alice")
    fields = {"room": "perch", "token": SECRET}
    body = {"name": "parrot", "kind": "birds", "form": "Parrot", "fields": fields}
    with structlog.testing.capture_logs() as logged:
        added = await api.post("/destinations", json=body)
        assert added.status_code == 201
        at = f"/destinations/{added.json()['id']}"
        again = await api.post("/destinations", json=body | {"name": "again"})
        text = write_user(await mine(parts)).replace("perch", "cage")
        answers = [
            added, again, await api.get(at), await api.get("/destinations"),
            await api.post(f"{at}/confirmation"), await api.post(f"{at}/test"),
            await api.post(f"{at}/code", json={"code": "AAAA-AAAA"}),
            await api.put("/preferences", content=text, headers=YAML),
        ]  # fmt: skip
    assert [SECRET in answer.text for answer in answers] == [False] * len(answers)
    assert SECRET not in str(logged)
    assert (added.json()["address"], added.json()["proof"]) == ("parrot:perch/…", "code")
    problem(again, 422)
    assert (await mine(parts)).destinations[0].address == f"parrot:cage/{SECRET}"


async def test_the_only_form_of_a_kind_needs_no_title(app: FastAPI) -> None:
    api = await caller(app, "alice")
    body = {"name": "irc", "kind": "irc", "fields": {"address": "#fedora"}}
    assert (await api.post("/destinations", json=body)).json()["address"] == "#fedora"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"form": "Ostrich"}, "form"),
        ({"form": ""}, "form"),
        ({"form": 7}, "form"),
        ({"kind": "pigeon"}, "kind"),
        ({"kind": None}, "kind"),
        ({"fields": []}, "fields"),
        ({"fields": {"room": 7}}, "fields"),
        ({"fields": {"cage": "perch"}}, "fields.cage"),
        ({"fields": {"room": "perch", "token": "short-one"}}, "address"),
        ({"fields": {}}, "address"),
        ({"address": ADDRESS}, "fields"),
        ({"fields": None}, "address"),
        ({"fields": None, "address": f"ostrich:{SECRET}"}, "address"),
        ({"fields": None, "address": f"parrot:{SECRET}"}, "address"),
        ({"fields": None, "address": f"{SECRET}\n"}, "address"),
        ({"fields": None, "address": SECRET * 200}, "address"),
    ],
)
async def test_the_api_names_what_is_wrong_and_tells_no_secret(
    app: FastAPI, parts: Parts, wrong: dict[str, Any], field: str
) -> None:
    api = await caller(app, "alice")
    fields = {"room": "perch", "token": SECRET}
    body = {"name": "parrot", "kind": "birds", "form": "Parrot", "fields": fields}
    answer = await api.post("/destinations", json=body | wrong)
    assert [each["field"] for each in problem(answer, 422)["errors"]] == [field]
    assert SECRET not in answer.text
    assert "short-one" not in answer.text
    assert (await mine(parts)).destinations == ()


@pytest.mark.parametrize("way", ["page", "API"])
async def test_an_import_that_is_refused_tells_no_secret(
    app: FastAPI, alice: Browser, way: str
) -> None:
    bad = f"ostrich:{SECRET}"
    text = f"destinations: {{bird: {{kind: birds, address: '{bad}'}}}}"
    if way == "API":
        api = await caller(app, "alice")
        answer = await api.put("/preferences", content=text, headers=YAML)
        assert [each["field"] for each in problem(answer, 422)["errors"]] == [
            "destinations.bird.address"
        ]
        said = answer.text
    else:
        answer = await alice.submit("/account/import", yaml=text)
        assert answer.status_code == 422
        said = re.sub(r'<textarea id="yaml".*?</textarea>', "", answer.text, flags=re.DOTALL)
    assert SECRET not in said


async def test_the_document_says_what_to_give_for_each_kind(app: FastAPI) -> None:
    document = (await client(app).get("/openapi.json")).json()
    kinds = document["components"]["schemas"]["SenderKind"]
    assert kinds["enum"] == ["birds", "email", "irc"]
    assert "* `birds`, Parrot: `room`, `token`" in kinds["description"]
    shown = document["components"]["schemas"]["Destination"]["properties"]["address"]
    assert "without what is secret in it" in shown["description"]


async def test_an_address_of_an_unknown_kind_is_masked(alice: Browser, app: FastAPI) -> None:
    parts: Parts = app.state.parts
    await keep(parts, replace(a_parrot(), kind="ostrich"))
    page = (await alice.get("/destinations")).text
    api = await caller(app, "alice")
    [to] = (await api.get("/destinations")).json()["destinations"]
    assert (to["address"], to["proof"]) == ("p***", None)
    assert (SECRET in page, "p***" in page) == (False, True)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("alice@example.org", "a***@example.org"),
        ("https://user:word@example.org/token", "h***"),
        ("parrot:perch@of.the.token", "p***"),
        ("name@token", "n***"),
        ("@alice:example.org", "@***"),
        ("", "***"),
    ],
)
def test_a_masked_address_shows_a_domain_only_of_a_mailbox(address: str, shown: str) -> None:
    assert masked(address) == shown
