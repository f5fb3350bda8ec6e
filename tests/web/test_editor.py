"""The rule editor: what is typed stays, what is wrong is named, what is saved is the rule."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences import edits
from fmn.preferences.values import Preferences
from fmn.rules.filters.application import Application
from fmn.rules.filters.text import Text
from fmn.rules.rule import Rule
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, some_preferences
from tests.web import people
from tests.web.editing import inputs, says, typed
from tests.web.fakes import FakeQueues
from tests.web.history import handled, some_messages
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
IRC = Destination(DestinationId("alice-irc"), "alice", "irc", "irc", "alice")


@pytest.fixture
async def alice(parts: Parts, signed_in_as: SignIn) -> Browser:
    """Somebody with two destinations, of which one is active, and one rule."""
    updates = replace(a_rule("updates"), filters=(Application(names=("bodhi",)),))
    mine = some_preferences("alice", updates)
    await people.saved(parts, replace(mine, destinations=(*mine.destinations, IRC)))
    return await signed_in_as("alice")


async def rules_of(parts: Parts, user: str = "alice") -> tuple[Rule, ...]:
    async with reading(parts.engine) as connection:
        preferences = await load_user(connection, user, parts.filters)
    assert preferences
    return preferences.rules


async def test_a_rule_is_written_and_saved(alice: Browser, parts: Parts) -> None:
    answer = await alice.submit("/rules/new", **typed())
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules?said=saved")
    made = (await rules_of(parts))[-1]
    assert ("Builds", (Application(names=("koji",)),), True) == (
        made.name,
        made.filters,
        made.enabled,
    )
    assert [each.name for each in made.destinations] == ["email"]


async def test_workers_are_told(alice: Browser, queues: FakeQueues) -> None:
    await alice.submit("/rules/new", **typed())
    assert len(queues.nudges) == 1


async def test_it_is_saved_while_redis_is_away(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    queues.away = True
    assert (await alice.submit("/rules/new", **typed())).status_code == 303
    assert (await rules_of(parts))[-1].name == "Builds"


async def test_an_active_destination_is_chosen_for_a_new_rule(alice: Browser) -> None:
    page = (await alice.get("/rules/new")).text
    chosen = re.findall(r'name="destinations" value="([^"]*)" checked', page)
    assert chosen == ["email"]
    assert "not confirmed yet" in page


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": ""}, "name", "give the rule a name"),
        ({"name": "x" * 201}, "name", "1 to 200 characters"),
        ({"name": "UPDATES"}, "name", "another rule of the user has this name"),
        ({"destinations": []}, "destinations", "choose at least one"),
        ({"destinations": ["fax"]}, "destinations", "choose at least one"),
        ({"filters__0__names": ""}, "filters-0-names-0", "it is missing"),
        ({"filters__0__negate": "yes"}, "everything", "every message"),
        (
            {"filters__0__kind": "regex", "filters__0__patterns": ["a", "("]},
            "filters-0-patterns-1",
            "RE2 refuses it",
        ),
    ],
)
async def test_what_is_wrong_is_linked_from_a_summary_and_nothing_typed_is_lost(
    alice: Browser, parts: Parts, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = await alice.submit("/rules/new", **typed(**changes))
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert f'id="{field}"' in answer.text
    assert words in says(answer)
    assert re.search(rf'aria-describedby="[^"]*{field}-problem"', answer.text)
    fields = typed(**changes)
    assert [fields["name"]] == inputs(answer, "name")
    name = "filters.0.patterns" if "filters.0.patterns" in fields else "filters.0.names"
    kept = [text for text in fields[name] if text]
    assert inputs(answer, name) == (kept or [""])
    assert re.findall(r'name="destinations" value="([^"]*)" checked', answer.text) == [
        name for name in fields["destinations"] if name == "email"
    ]
    assert [rule.name for rule in await rules_of(parts)] == ["updates"]


async def test_everything_must_be_meant(alice: Browser, parts: Parts) -> None:
    fields = typed(filters__0__negate="yes")
    answer = await alice.submit("/rules/new", **fields)
    assert 'name="everything"' in answer.text
    assert (await alice.submit("/rules/new", **fields, everything="yes")).status_code == 303
    assert (await rules_of(parts))[-1].everything


async def test_filters_are_offered_in_words_the_commonest_first(alice: Browser) -> None:
    page = (await alice.get("/rules/new")).text
    offered = re.findall(r'<option value="(\w+)">([^<]*)</option>', page)
    assert offered[:2] == [
        ("application", "from an application (application)"),
        ("owner", "about what I or my groups own (owner)"),
    ]
    assert offered[-1] == ("field", "with a value in its body (field)")
    assert len(offered) == 11


async def test_a_filter_is_added_without_losing_what_is_typed(alice: Browser) -> None:
    answer = await alice.submit("/rules/new", **typed(do="add", kind="topic"))
    assert inputs(answer, "filters.0.names") == ["koji"]
    assert inputs(answer, "filters.1.kind") == ["topic"]
    assert re.search(r'id="filters-1"[^>]* autofocus', answer.text)


async def test_a_filter_is_removed(alice: Browser) -> None:
    more = {"filters.1.kind": "text", "filters.1.words": "fix"}
    answer = await alice.submit("/rules/new", **typed(do="remove:0"), **more)
    assert inputs(answer, "filters.0.kind") == ["text"]
    assert inputs(answer, "filters.0.words") == ["fix"]
    assert inputs(answer, "filters.1.kind") == []


async def test_a_list_gets_one_more_field(alice: Browser) -> None:
    answer = await alice.submit("/rules/new", **typed(do="more:0.names"))
    assert inputs(answer, "filters.0.names") == ["koji", ""]


@pytest.mark.parametrize(
    "do", ["", "remove:9", "remove:x", "more:0", "more:0.nonsense", "more:9.names", "add", "x:y"]
)
async def test_buttons_that_are_not_there_do_no_harm(alice: Browser, do: str) -> None:
    answer = await alice.submit("/rules/new", **typed(do=do))
    assert answer.status_code == 200
    assert inputs(answer, "filters.0.names") == ["koji"]


async def test_values_are_offered_from_what_the_history_holds(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(2, app="koji"), parts.now())
    answer = await alice.submit("/rules/new", **typed(do="add", kind="application"))
    assert '<option value="koji">2 messages</option>' in answer.text
    assert 'list="seen-application"' in answer.text


async def test_values_of_private_messages_are_not_offered(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(2, app="secret", private=True), parts.now())
    answer = await alice.submit("/rules/new", **typed(do="add", kind="application"))
    assert "secret" not in answer.text


async def test_the_way_that_was_chosen_stays_chosen(alice: Browser) -> None:
    ways = {"filters.1.kind": "severity", "filters.1.way": "in", "filters.1.in": ["debug", "error"]}
    answer = await alice.submit("/rules/new", **typed(do="preview"), **ways)
    assert 'name="filters.1.way" value="in" checked' in answer.text
    assert 'name="filters.1.in" value="error" checked' in answer.text
    assert 'name="filters.1.in" value="info" checked' not in answer.text


async def test_a_rule_is_opened_changed_and_saved_in_its_place(
    alice: Browser, parts: Parts
) -> None:
    page = await alice.get("/rules/alice-updates")
    assert inputs(page, "name") == ["updates"]
    assert inputs(page, "filters.0.names") == ["bodhi"]
    etag = inputs(page, "etag")[0]
    answer = await alice.submit("/rules/alice-updates", **typed(), etag=etag)
    assert answer.status_code == 303
    assert [(each.id, each.name) for each in await rules_of(parts)] == [("alice-updates", "Builds")]


async def test_a_rule_that_changed_in_between_is_shown_beside_what_is_typed(
    alice: Browser, parts: Parts
) -> None:
    etag = inputs(await alice.get("/rules/alice-updates"), "etag")[0]
    now = replace(a_rule("updates"), filters=(Text(words=("kernel",)),))
    mine = some_preferences("alice", now)
    await people.saved(parts, replace(mine, destinations=(*mine.destinations, IRC)))
    answer = await alice.submit("/rules/alice-updates", **typed(), etag=etag)
    assert answer.status_code == 409
    assert "kernel" in says(answer)
    assert inputs(answer, "filters.0.names") == ["koji"]
    assert (now,) == await rules_of(parts)
    again = await alice.submit("/rules/alice-updates", **typed(), etag=inputs(answer, "etag")[0])
    assert again.status_code == 303


async def test_a_rule_that_was_deleted_in_between_can_be_saved_as_a_new_one(
    alice: Browser, parts: Parts
) -> None:
    etag = inputs(await alice.get("/rules/alice-updates"), "etag")[0]
    mine = some_preferences("alice")
    await people.saved(parts, replace(mine, destinations=(*mine.destinations, IRC), rules=()))
    answer = await alice.submit("/rules/alice-updates", **typed(), etag=etag)
    assert answer.status_code == 409
    assert 'action="/rules/new"' in answer.text
    assert inputs(answer, "filters.0.names") == ["koji"]


async def test_a_stopped_rule_says_why_and_stays_stopped(alice: Browser, parts: Parts) -> None:
    mine = some_preferences("alice", a_rule("updates"))
    await people.saved(parts, edits.block_rule(mine, mine.rules[0].id, "floods the list"))
    page = await alice.get("/rules/alice-updates")
    assert "floods the list" in says(page)
    await alice.submit("/rules/alice-updates", **typed(), etag=inputs(page, "etag")[0])
    assert [(r.name, r.blocked) for r in await rules_of(parts)] == [("Builds", "floods the list")]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rules_of_others_are_not_found(alice: Browser, parts: Parts, method: str) -> None:
    bobs = some_preferences("bob")
    await people.saved(parts, bobs)
    if method == "GET":
        assert (await alice.get("/rules/bob-updates")).status_code == 404
    else:
        etag = edits.etag_of(bobs.rules[0])
        answer = await alice.submit("/rules/bob-updates", **typed(), etag=etag)
        assert answer.status_code == 409
    assert bobs.rules == await rules_of(parts, "bob")


async def test_a_destination_of_somebody_else_cannot_be_told(alice: Browser, parts: Parts) -> None:
    theirs = replace(a_destination("pager", user="bob"), state=DestinationState.ACTIVE)
    await people.saved(parts, Preferences(some_preferences("bob").id, "bob", (), (theirs,)))
    answer = await alice.submit("/rules/new", **typed(destinations=["pager"]))
    assert answer.status_code == 422


async def test_who_has_no_destination_is_sent_to_add_one(signed_in_as: SignIn) -> None:
    charlie = await signed_in_as("charlie")
    assert 'href="/destinations#add"' in (await charlie.get("/rules/new")).text


@pytest.mark.parametrize("path", ["/rules/new", "/rules/preview", "/rules/alice-updates"])
async def test_a_form_that_is_not_ours_is_refused(alice: Browser, parts: Parts, path: str) -> None:
    before = await rules_of(parts)
    answer = await alice.post(path, data=typed() | {"csrf": "wrong"})
    assert answer.status_code == 403
    assert before == await rules_of(parts)
