"""Why, and why not: each rule, each filter, what decided, and where a delivery stopped."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape

import pytest

from fmn.emission import Handled, Outcome, State
from fmn.model import Message, MessageId, Ownership, UserId, key_of
from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.filters.application import Application
from fmn.rules.filters.artifact import Artifact
from fmn.rules.filters.group import Group
from fmn.rules.filters.owner import Owner
from fmn.rules.filters.severity import Severity
from fmn.rules.filters.topic import Topic
from fmn.rules.rule import Rule
from fmn.web.history.why import why
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import a_destination, a_rule, recorded
from tests.web import people
from tests.web.people import Browser

AT = datetime(2026, 5, 4, 8, 3, tzinfo=UTC)
URL = "https://example.org/builds/1"
EMAIL = a_destination()
UPDATES = replace(a_rule("updates"), filters=(Topic(patterns=("*.bodhi.*",)),))
WARNINGS = replace(
    a_rule("warnings"),
    filters=(Topic(patterns=("*.bodhi.*",)), Severity(at_least="warning"), Owner(users=("me",))),
)
ALICE = Preferences(UserId("id-of-alice"), "alice", (), (EMAIL,), (UPDATES, WARNINGS))
MESSAGE = a_message("m-1", topic="org.example.bodhi.update", url=URL)


@pytest.fixture
async def version(parts: Parts) -> int:
    """Number of the change after which alice has her two rules."""
    return await people.saved(parts, ALICE)


@pytest.fixture
async def alice(version: int, signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    return await signed_in_as("alice")


async def came(
    parts: Parts, version: int, message: Message = MESSAGE, *, sent: bool = False
) -> None:
    """Let a message have come, judged by this version."""
    key = key_of(MessageId(message.id), EMAIL.id)
    outcome = Outcome(key, "email", (UPDATES.id,), State.SENT, AT, 2)
    await recorded(parts.engine, Handled(message, AT, version, 1), *([outcome] if sent else []))


async def change_rules(parts: Parts, *rules: Rule) -> None:
    await people.saved(parts, replace(ALICE, rules=rules))


async def test_machines_get_each_rule_each_filter_and_each_delivery(
    parts: Parts, version: int
) -> None:
    await came(parts, version, sent=True)
    found = await why(parts, "alice", "m-1", now=False)
    assert found
    assert found.as_json() == {
        "message": "m-1",
        "user": "alice",
        "by": "then",
        "version": version,
        "rules": [
            {
                "rule": "updates",
                "id": UPDATES.id,
                "matched": True,
                "why": None,
                "keys": [{"key": "topic like *.bodhi.*", "present": True}],
                "filters": [
                    {
                        "kind": "topic",
                        "negated": False,
                        "holds": True,
                        "deciding": ["org.example.bodhi.update"],
                    }
                ],
            },
            {
                "rule": "warnings",
                "id": WARNINGS.id,
                "matched": False,
                "why": None,
                "keys": [{"key": "owner alice", "present": False}],
                "filters": [
                    {
                        "kind": "topic",
                        "negated": False,
                        "holds": True,
                        "deciding": ["org.example.bodhi.update"],
                    },
                    {"kind": "severity", "negated": False, "holds": False, "deciding": ["info"]},
                    {"kind": "owner", "negated": False, "holds": False, "deciding": []},
                ],
            },
        ],
        "deliveries": [
            {
                "destination": "email",
                "kind": "email",
                "state": "sent",
                "reason": None,
                "attempts": 2,
                "at": "2026-05-04T08:03:00+00:00",
                "rules": ["updates"],
            }
        ],
    }


async def test_the_rules_then_are_those_of_the_version_that_judged(
    parts: Parts, version: int
) -> None:
    await came(parts, version)
    renamed = replace(UPDATES, name="renamed", filters=(Topic(patterns=("*.koji.*",)),))
    await change_rules(parts, renamed)
    said = {}
    for now in (False, True):
        found = await why(parts, "alice", "m-1", now=now)
        assert found
        said[now] = [(v.rule.name, v.explanation.matched) for v in found.verdicts]
    assert said == {False: [("updates", True), ("warnings", False)], True: [("renamed", False)]}


async def test_a_message_older_than_the_user_has_version_0_and_no_rules(parts: Parts) -> None:
    await came(parts, 0)
    await people.saved(parts, ALICE)
    found = await why(parts, "alice", "m-1", now=False)
    assert found
    assert (found.version, found.verdicts) == (0, ())


async def test_owners_are_those_of_then_and_groups_those_of_now(parts: Parts, version: int) -> None:
    mine = replace(UPDATES, filters=(Owner(groups=("mine",)),))
    await change_rules(parts, mine)
    owners = (Ownership("rpms/python", groups=frozenset({"python-sig"})),)
    await came(parts, version, replace(MESSAGE, owners=owners))
    found = await why(parts, "alice", "m-1", now=True)
    assert found
    assert found.verdicts[0].explanation.matched


@pytest.mark.parametrize("user", ["bob", "nobody"])
async def test_a_private_message_is_not_there_for_whom_it_does_not_name(
    parts: Parts, version: int, user: str
) -> None:
    await people.saved(parts, Preferences(UserId("id-of-bob"), "bob"))
    await came(parts, version, replace(MESSAGE, private=True, users=frozenset({"alice"})))
    for asked in ("m-1", URL):
        assert await why(parts, user, asked, now=True) is None
        assert await why(parts, "alice", asked, now=True)


async def test_a_message_nobody_knows_is_none(parts: Parts, version: int) -> None:
    assert await why(parts, "alice", "m-2", now=False) is None


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.parametrize("asked", ["m-1", f"  {URL} "])
async def test_the_page_says_what_decided(
    alice: Browser, parts: Parts, version: int, asked: str
) -> None:
    await came(parts, version, sent=True)
    answer = await alice.get("/why", params={"message": asked})
    assert answer.status_code == 200
    said = words(answer.text)
    for each in ("updates matched", "warnings did not match", "✓ holds", "✗ does not hold"):
        assert each in said
    assert "<mark>info</mark>" in answer.text
    assert "Filter 2 stopped it first" in said
    assert "email sent 2 2026-05-04 08:03 UTC “updates”" in said


async def test_rules_that_are_still_there_lead_to_their_editor(
    alice: Browser, parts: Parts, version: int
) -> None:
    await came(parts, version)
    await change_rules(parts, UPDATES)
    page = (await alice.get("/why", params={"message": "m-1"})).text
    links = re.findall(r'<h3>(?:<a href="([^"]*)">)?(\w+)', page)
    assert links == [(f"/rules/{UPDATES.id}", "updates"), ("", "warnings")]


async def test_a_filter_that_leaves_out_what_is_not_there_says_that_there_is_none(
    alice: Browser, parts: Parts, version: int
) -> None:
    await change_rules(parts, replace(UPDATES, filters=(Application(names=("x",), negate=True),)))
    await came(parts, version, replace(MESSAGE, app=None))
    page = (await alice.get("/why", params={"message": "m-1", "by": "now"})).text
    assert "does not come from x. It has none." in words(page)
    assert "nothing of the sort" not in page


@pytest.mark.parametrize("by", ["then", "now"])
async def test_that_groups_are_those_of_now_is_said_of_the_rules_of_then(
    alice: Browser, parts: Parts, version: int, by: str
) -> None:
    await came(parts, version)
    said = words((await alice.get("/why", params={"message": "m-1", "by": by})).text)
    assert ("Groups and memberships are those of now." in said) == (by == "then")
    assert "Came 2026-05-04 08:03 UTC" in said


async def test_the_page_turns_from_then_to_now(alice: Browser, parts: Parts, version: int) -> None:
    await came(parts, version)
    await change_rules(parts, replace(UPDATES, name="renamed"))
    then = (await alice.get("/why", params={"message": "m-1"})).text
    assert ("renamed" in then, "updates" in words(then)) == (False, True)
    (turn,) = re.findall(r'<a href="(/why\?[^"]*)">Judge by', then)
    now = (await alice.get(unescape(turn))).text
    assert "renamed" in now
    assert "By the rules as they are now it would have been" in now


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (replace(UPDATES, enabled=False), "the rule is disabled"),
        (replace(UPDATES, blocked="it floods"), "an operator stopped the rule: it floods"),
    ],
)
async def test_the_page_says_what_keeps_a_rule_from_matching(
    alice: Browser, parts: Parts, version: int, rule: Rule, reason: str
) -> None:
    await change_rules(parts, rule)
    await came(parts, version)
    said = words((await alice.get("/why", params={"message": "m-1", "by": "now"})).text)
    assert f"It could not match: {reason}" in said
    assert "no rule of yours matched" in said


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (
            [Owner(users=("me",), groups=("mine",))],
            "Not brought up: the message has none of owner alice and owning group python-sig.",
        ),
        ([Application(names=("KOJI",))], "Brought up by application koji."),
        (
            [Application(names=(*"abcdefgh", "koji", "pagure"))],
            (
                "Brought up by application koji; not by application a, application b, "
                "application c, application d and 5 more."
            ),
        ),
        (
            [Artifact(names=tuple(f"{n}" for n in range(9)))],
            "Brought up by name 0, name 1, name 2, name 3 and name 4; it has 4 more keys.",
        ),
        ([Group(groups=("mine",)), Owner(groups=("mine",))], "not brought up"),
        (
            [Application(names=("x",), negate=True)],
            "It has no keys, so it is looked at for every message.",
        ),
    ],
)
async def test_the_page_says_what_brought_a_rule_up_or_would_have(
    alice: Browser, parts: Parts, filters: list[Filter], said: str
) -> None:
    version = await people.saved(
        parts, replace(ALICE, rules=(replace(UPDATES, filters=tuple(filters), everything=True),))
    )
    artifacts = frozenset(f"rpms/{n}" for n in range(9))
    await came(parts, version, replace(MESSAGE, app="Koji", artifacts=artifacts))
    page = words((await alice.get("/why", params={"message": "m-1"})).text)
    assert said.casefold() in page.casefold()


async def test_a_rule_that_asks_for_groups_of_somebody_in_none_cannot_be_brought_up(
    parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]
) -> None:
    told = a_destination(user="carol")
    mine = replace(a_rule("mine", told, user="carol"), filters=(Group(groups=("mine",)),))
    carols = Preferences(UserId("id-of-carol"), "carol", (), (told,), (mine,))
    await came(parts, await people.saved(parts, carols))
    found = await why(parts, "carol", "m-1", now=False)
    assert found
    assert [each["keys"] for each in found.as_json()["rules"]] == [[]]
    page = await (await signed_in_as("carol")).get("/why", params={"message": "m-1"})
    assert "No message can have what it asks for now." in words(page.text)


async def test_machines_get_null_for_a_rule_without_keys_and_at_most_1000_of_many(
    parts: Parts,
) -> None:
    without = replace(UPDATES, filters=(), everything=True)
    names = tuple(f"{n:04}{'x' * 400}" for n in range(600))
    twice = Artifact(types=("rpms", "modules"), names=names[:500])
    many = replace(WARNINGS, filters=(Owner(users=names, groups=names),))
    pairs = replace(a_rule("pairs"), filters=(twice,))
    version = await people.saved(parts, replace(ALICE, rules=(without, many, pairs)))
    owners = (Ownership("rpms/python", users=frozenset({names[599]})),)
    await came(parts, version, replace(MESSAGE, owners=owners))
    found = await why(parts, "alice", "m-1", now=False)
    assert found
    nothing, some, rest = [each["keys"] for each in found.as_json()["rules"]]
    assert (nothing, len(some), len(rest)) == (None, 1000, 1000)
    assert [each["present"] for each in some[:2]] == [True, False]
    assert some[0]["key"].startswith("owner 0599xxx")
    assert max(len(each["key"]) for each in some + rest) < 100


async def test_what_is_not_there_is_said_at_the_field_and_what_was_typed_stays(
    alice: Browser,
) -> None:
    typed = '"><b>m-2'
    answer = await alice.get("/why", params={"message": typed})
    assert answer.status_code == 404
    assert 'aria-describedby="message-problem"' in answer.text
    assert typed in unescape(answer.text)
    assert typed not in answer.text


async def test_a_form_alone_finds_nothing_wrong(alice: Browser) -> None:
    answer = await alice.get("/why")
    assert (answer.status_code, "problem" in answer.text) == (200, False)


async def test_a_message_of_strangers_is_not_markup(
    alice: Browser, parts: Parts, version: int
) -> None:
    bad = "<img src=x>"
    hostile = replace(
        MESSAGE, topic=bad, summary=bad, app=bad, agent=bad, users=frozenset({bad}),
        groups=frozenset({bad}), artifacts=frozenset({bad}), url="javascript:alert(1)",
    )  # fmt: skip
    await came(parts, version, hostile)
    page = (await alice.get("/why", params={"message": "m-1"})).text
    assert bad not in page
    assert "javascript:" not in page


async def test_a_page_about_very_much_is_less_than_100_kb(
    alice: Browser, parts: Parts, version: int
) -> None:
    names = frozenset(f"{n}{'x' * 1000}" for n in range(500))
    await change_rules(
        parts, *(replace(WARNINGS, id=a_rule(f"{n}").id, name=f"{n}") for n in range(200))
    )
    await came(parts, version, replace(MESSAGE, users=names, artifacts=names, text="x" * 100_000))
    answer = await alice.get("/why", params={"message": "m-1", "by": "now"})
    assert (answer.status_code, len(answer.content) < 100_000) == (200, True)
