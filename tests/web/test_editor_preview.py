"""The preview in the editor: what it says of a draft, and what it says instead of failing."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fmn.rules.filters.application import Application
from fmn.web.parts import Parts
from tests.storage.factories import a_rule, some_preferences
from tests.web import people
from tests.web.editing import says, typed
from tests.web.fakes import FakeQueues
from tests.web.history import handled, some_messages
from tests.web.people import Browser


@pytest.fixture
async def alice(parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    """Somebody with one destination and one rule."""
    updates = replace(a_rule("updates"), filters=(Application(names=("bodhi",)),))
    await people.saved(parts, some_preferences("alice", updates))
    return await signed_in_as("alice")


async def test_the_preview_is_a_fragment(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(3, app="koji"), parts.now())
    answer = await alice.submit("/rules/preview", **typed())
    assert "<html" not in answer.text
    assert "When a message comes from koji, tell email." in says(answer)
    assert "3 messages in the last 14 days" in says(answer)
    assert "<mark>koji</mark>" in answer.text
    assert "Counted from 3 messages judged" in says(answer)


async def test_the_preview_needs_neither_name_nor_destination(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(1, app="koji"), parts.now())
    answer = await alice.submit("/rules/preview", **typed(name="", destinations=[]))
    assert "1 message in the last 14 days" in says(answer)


async def test_the_preview_says_what_other_rules_bring_already(
    alice: Browser, parts: Parts
) -> None:
    await handled(parts, some_messages(2, app="bodhi"), parts.now())
    answer = await alice.submit("/rules/preview", **typed(filters__0__names="bodhi"))
    assert "2 of them already reach you through other rules (“updates”: 2)" in says(answer)
    mine = await alice.submit(
        "/rules/preview", **typed(filters__0__names="bodhi"), id="alice-updates"
    )
    assert "already reach" not in says(mine)


async def test_a_draft_that_is_no_rule_yet_is_told_what_it_lacks(alice: Browser) -> None:
    answer = await alice.submit("/rules/preview", **typed(filters__0__names=""))
    assert answer.status_code == 200
    assert "No preview yet. Filter 1, application, Names: it is missing." in says(answer)


async def test_a_preview_of_nothing_is_honest(alice: Browser) -> None:
    answer = await alice.submit("/rules/preview", **typed())
    assert "No message of these days has what this rule asks for" in says(answer)
    assert "0 messages in the last 14 days" in says(answer)


def asking(kind: str, **arguments: Any) -> dict[str, Any]:
    """Return the fields of a rule with one filter."""
    written = {f"filters.0.{name}": value for name, value in arguments.items()}
    return typed() | {"filters.0.kind": kind, "filters.0.names": ""} | written


async def test_the_preview_says_by_what_the_rule_is_found(alice: Browser) -> None:
    answer = await alice.submit(
        "/rules/preview", **asking("owner", users=["me"], groups=["mine", "kernel-sig"])
    )
    found = "Found by: owner alice, owning group kernel-sig, owning group python-sig"
    assert found in says(answer)
    assert "looked at for every message" not in says(answer)


async def test_of_many_keys_the_first_are_said_and_how_many_more_there_are(alice: Browser) -> None:
    names = ["g", "f", "e", "d", "c", "b", f"a{'x' * 200}"]
    said = says(await alice.submit("/rules/preview", **typed(filters__0__names=names)))
    (line,) = re.findall(r"Found by: application a(x+)\S*, application b, (.*?and 2 more)", said)
    assert len(line[0]) < 100
    assert line[1] == "application c, application d, application e and 2 more"


async def test_a_rule_that_nothing_can_bring_up_says_so(
    parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]
) -> None:
    await people.saved(parts, some_preferences("carol"))  # who is in no group
    carol = await signed_in_as("carol")
    said = says(await carol.submit("/rules/preview", **asking("group", groups=["mine"])))
    assert "Found by nothing now: no message can have what it asks for" in said
    assert "Check the spelling" not in said


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (asking("text", words="Kernel"), "word “kernel”"),
        (asking("regex", patterns="k.*l"), "regex “k.*l”"),
        (asking("field", path="karma", way="exists", exists="true"), "karma is there"),
    ],
)
async def test_what_the_history_is_not_filed_by_is_looked_for_in_every_message_of_it(
    alice: Browser, parts: Parts, asked: dict[str, Any], found: str
) -> None:
    fitting = some_messages(2, summary="kernel", body=b'{"karma": 1}')
    await handled(parts, [*fitting, *some_messages(3, name="other", summary="x")], parts.now())
    said = says(await alice.submit("/rules/preview", **asked))
    assert f"Found by: {found}" in said
    assert "2 messages in the last 14 days" in said
    assert "Counted from 5 messages judged. The history is not filed by words" in said
    assert "looked at for every message" not in said


async def test_a_rule_without_a_key_says_what_that_means_once(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(28), parts.now())
    fields = typed(filters__0__negate="yes", everything="yes")
    said = says(await alice.submit("/rules/preview", **fields))
    assert "This rule matches every message but for what it leaves out: about 2 a day." in said
    assert said.count("looked at for every message") == 1
    assert "Nothing is wrong with that, but it is heavy and probably noisy" in said
    assert "add a filter that asks for something" in said
    assert "Found by" not in said
    assert "not filed" not in said


async def test_a_noisy_rule_says_so(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(24 * 14, app="koji"), parts.now())
    assert "noisy" not in says(await alice.submit("/rules/preview", **typed()))
    await handled(parts, some_messages(1, app="koji", name="one"), parts.now())
    assert "noisy" in says(await alice.submit("/rules/preview", **typed()))


async def test_a_rule_that_matches_everything_says_so(alice: Browser, parts: Parts) -> None:
    await handled(parts, some_messages(2), parts.now())
    fields = {"filters.0.negate": "yes", "everything": "yes"}
    answer = await alice.submit("/rules/preview", **typed(**fields))
    assert "matches every message" in says(answer)


async def test_previews_are_limited(alice: Browser, queues: FakeQueues) -> None:
    queues.refused.add("preview")
    assert "Too many previews" in says(await alice.submit("/rules/preview", **typed()))
    assert queues.uses == [("preview", "alice")]
    queues.away = True
    assert "Too many" not in says(await alice.submit("/rules/preview", **typed()))


async def test_the_preview_stands_in_the_editor_when_it_is_asked_for(
    alice: Browser, parts: Parts
) -> None:
    await handled(parts, some_messages(3, app="koji"), parts.now())
    answer = await alice.submit("/rules/new", **typed(do="preview"))
    assert "3 messages in the last 14 days" in says(answer)
    assert "<svg" in answer.text
    assert "<table" in answer.text


async def test_what_messages_say_is_never_markup(alice: Browser, parts: Parts) -> None:
    evil = {"summary": "<script>x</script>", "url": "javascript:x"}
    await handled(parts, some_messages(1, app="koji", **evil), parts.now())
    answer = await alice.submit("/rules/preview", **typed())
    assert "&lt;script&gt;" in answer.text
    assert "<script" not in answer.text
    assert "javascript:" not in answer.text


async def test_the_newest_example_is_the_one_sent_last(alice: Browser, parts: Parts) -> None:
    now = parts.now()
    (late, early) = (
        replace(message, summary=said, sent_at=now - timedelta(minutes=ago))
        for message, said, ago in zip(
            some_messages(2, app="koji"), ("sent late", "sent early"), (1, 9), strict=True
        )
    )
    await handled(parts, [late, early], now)
    said = says(await alice.submit("/rules/preview", **typed()))
    assert said.index("sent late") < said.index("sent early")
