"""What operators see, that only they see it, and that everybody can learn of it afterwards."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fmn.model import Destination, DestinationState, Message, MessageId
from fmn.preferences.values import Preferences, rule_set
from fmn.storage.audit import entries, note
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, some_preferences
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

SignIn = Callable[..., Awaitable[Browser]]
PAGES = [
    "/admin",
    "/admin/dead",
    "/admin/users",
    "/admin/users/bob",
    "/admin/rules",
    "/admin/audit",
]
AT = datetime(2026, 5, 4, 8, 3, tzinfo=UTC)
UPDATE = Message(MessageId("m-1"), "org.example.bodhi.update")


async def audited(parts: Parts) -> list[tuple[str, str, str, str]]:
    """Return by whom, what, whose and details of each entry, the newest first."""
    async with reading(parts.engine) as connection:
        return [(e.by, e.action, e.about, e.detail) for e in await entries(connection)]


async def heard_by(parts: Parts, user: str) -> list[str]:
    """Return names of the destinations of this user that hear of an update."""
    async with reading(parts.engine) as connection:
        preferences = await load_user(connection, user, parts.filters)
    assert preferences
    return [
        chosen.destination.name for chosen in rule_set([preferences]).match(UPDATE).destinations
    ]


def a_letter(**changes: Any) -> dict[str, Any]:
    letter = {"id": "0/1-0", "what": "undecodable", "where": "consumer", "why": "no JSON"}
    return letter | {"tries": 1, "at": AT} | changes


@pytest.fixture
async def bob(parts: Parts) -> Preferences:
    """Somebody with a rule that matches UPDATE."""
    rule = replace(a_rule("updates", user="bob"), filters=a_rule("updates").filters[:1])
    preferences = some_preferences("bob", rule)
    await people.saved(parts, preferences)
    return preferences


@pytest.fixture
async def operator(signed_in_as: SignIn, bob: Preferences) -> Browser:
    return await signed_in_as("olga", admin=True)


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_is_sent_to_sign_in(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, "/login" in answer.headers["location"]) == (303, True)


@pytest.mark.parametrize("path", PAGES)
async def test_an_ordinary_user_may_not(signed_in_as: SignIn, bob: Preferences, path: str) -> None:
    answer = await (await signed_in_as("alice")).get(path)
    assert (answer.status_code, "nly operators may see this" in answer.text) == (403, True)


@pytest.mark.parametrize("deed", ["stop", "allow"])
async def test_an_ordinary_user_stops_nothing(
    signed_in_as: SignIn, parts: Parts, bob: Preferences, deed: str
) -> None:
    alice = await signed_in_as("alice")
    answer = await alice.submit(f"/admin/users/bob/rules/bob-updates/{deed}", reason="because")
    assert (
        answer.status_code,
        await heard_by(parts, "bob"),
        await audited(parts),
    ) == (403, ["email"], [])


@pytest.mark.parametrize("path", PAGES)
async def test_an_operator_sees_every_page(operator: Browser, path: str) -> None:
    answer = await operator.get(path)
    assert (answer.status_code, "<h1>" in answer.text) == (200, True)


async def test_processes_are_alive_or_silent(operator: Browser, queues: FakeQueues) -> None:
    queues.alive = [("worker@one", 0.4), ("sender@two", 5.1)]
    page = (await operator.get("/admin")).text
    rows = re.findall(r'row">([^<]*)</th>\s*<td[^>]*><span class="badge \w+">(\w+)<', page)
    assert rows == [("worker@one", "alive"), ("sender@two", "silent")]


def a_ledger(residual: int) -> dict[str, Any]:
    made = {"made": 12, "sent": 7, "suppressed": {"paused": 2, "duplicate": 3}, "residual": 0}
    return {
        "messages": {"taken": 1234, "handled": 1234, "residual": residual},
        "notifications": made,
    }


@pytest.mark.parametrize(
    ("residual", "verdict"),
    [
        (0, "Residual 0: all messages are accounted for."),
        (3, "Residual 3: so many messages came in and are nowhere."),
        (-3, "Residual -3: so many messages are there and never came in."),
    ],
)
async def test_the_ledger_says_in_words_whether_it_adds_up(
    operator: Browser, queues: FakeQueues, residual: int, verdict: str
) -> None:
    queues.ledger_says = a_ledger(residual)
    page = (await operator.get("/admin")).text
    assert [verdict, "Residual 0: all notifications are accounted for."] == re.findall(
        r"Residual [^<\n]*", page
    )


async def test_the_ledger_names_every_reason_of_what_is_suppressed(
    operator: Browser, queues: FakeQueues
) -> None:
    queues.ledger_says = a_ledger(0)
    page = (await operator.get("/admin")).text
    rows = re.findall(r'<th scope="row">([^<]*)</th><td class="number">([^<]*)</td>', page)
    expected = [("taken", "1,234"), ("handled", "1,234"), ("made", "12"), ("sent", "7")]
    suppressed = [("suppressed: duplicate", "3"), ("suppressed: paused", "2")]
    assert [*expected, ("suppressed", "5"), *suppressed] == rows


A_LOAD: dict[str, Any] = {
    "channels": [
        {"channel": 0, "messages": 60, "share_percent": 60.0, "band_percent": [40.2, 59.8]},
        {"channel": 1, "messages": 40, "share_percent": 40.0, "band_percent": [40.2, 59.8]},
    ],
    "workers": [
        {
            "worker": "worker@one", "messages": 100, "busy_seconds": 1.5,
            "wait_p50": 0.002, "wait_p99": None, "helped": 7,
        }
    ],
    "lanes": [
        {
            "lane": "email", "waiting": 1, "retrying": 2, "held": 8, "sent": 30,
            "suppressed": 4, "failed": 5, "dead": 6,
        }
    ],
    "max_over_mean": 1.2, "cv": 0.2, "chi_square": 4.0, "degrees": 1, "p": 0.0455,
}  # fmt: skip


async def test_the_load_is_drawn_as_bars_in_one_scale(
    operator: Browser, queues: FakeQueues
) -> None:
    queues.load_says = A_LOAD
    page = (await operator.get("/admin")).text
    bars = re.findall(r'<rect class="bar" width="([\d.]+)"', page)
    assert bars == ["100.00", "66.67", "100.00", "100.00"]
    assert "1.200 times the mean" in page
    assert "p = 0.045" in page


async def test_a_load_of_nothing_has_no_bars(operator: Browser, queues: FakeQueues) -> None:
    channel = {"channel": 0, "messages": 0, "share_percent": 0.0, "band_percent": [0.0, 100.0]}
    nothing = {"max_over_mean": None, "cv": None, "chi_square": None, "degrees": 0, "p": None}
    queues.load_says = {"channels": [channel], "workers": [], "lanes": []} | nothing
    answer = await operator.get("/admin")
    assert (
        answer.status_code,
        re.findall(r'<rect class="bar" width="([\d.]+)"', answer.text),
    ) == (200, ["0.00"])


async def test_without_p_the_page_says_why(operator: Browser, queues: FakeQueues) -> None:
    queues.load_says = A_LOAD | {"p": None, "p_reason": "fewer than 5 messages expected"}
    page = (await operator.get("/admin")).text
    assert "Whether that is fair cannot be said: fewer than 5 messages expected." in page


@pytest.mark.parametrize("path", PAGES)
async def test_without_queues_every_page_still_answers(
    operator: Browser, queues: FakeQueues, path: str
) -> None:
    queues.away = True
    assert (await operator.get(path)).status_code == 200


async def test_what_cannot_be_asked_for_says_so(operator: Browser, queues: FakeQueues) -> None:
    queues.away = True
    pages = [(await operator.get(path)).text for path in ("/admin", "/admin/dead")]
    away = re.findall(r"Redis is away: (.*?) cannot be shown", "".join(pages))
    assert away == ["who runs", "the ledger", "the load distribution", "dead letters"]


async def test_dead_letters_say_what_where_when_and_why(
    operator: Browser, queues: FakeQueues
) -> None:
    queues.dead = [a_letter(why="not JSON: <script>")]
    page = (await operator.get("/admin/dead")).text
    cells = re.findall(r"<t[hd] (?:scope=\"row\"|data-label)[^>]*>([^<]*)<", page)
    expected = ["0/1-0", "2026-05-04 08:03 UTC", "undecodable", "consumer", "1"]
    assert [*expected, "not JSON: &lt;script&gt;", ""] == [cell.strip() for cell in cells]


async def test_of_many_dead_letters_the_first_are_shown_and_all_are_counted(
    operator: Browser, queues: FakeQueues
) -> None:
    queues.dead = [a_letter(id=f"0/{i}-0") for i in range(2345)]
    page = (await operator.get("/admin/dead")).text
    assert page.count('scope="row"') == 100
    assert "2,345 dead letters" in page


@pytest.mark.parametrize(
    "why",
    [
        "mx.example.org: 451 <bob@example.org> is busy",
        "'#bobs-room': connection lost after 1 of 3 lines had left",
        'said "bob@example.org" twice',
    ],
)
async def test_dead_letters_show_no_address(
    operator: Browser, queues: FakeQueues, why: str
) -> None:
    queues.dead = [a_letter(what="chunk", where="sender irc", why=why)]
    page = (await operator.get("/admin/dead")).text
    assert not re.search("bob@example|bobs-room", page)
    assert "(address)" in page


async def test_no_page_shows_an_address(
    operator: Browser, parts: Parts, bob: Preferences, queues: FakeQueues
) -> None:
    refused = "550 5.1.1 <bob+email@example.org>: no such mailbox"
    bouncing = replace(
        bob.destinations[0], state=DestinationState.BOUNCING, reason=refused, name="work"
    )
    rules = [replace(rule, destinations=(bouncing,)) for rule in bob.rules]
    await people.saved(parts, replace(bob, destinations=(bouncing,), rules=tuple(rules)))
    queues.dead = [a_letter(what="chunk", where="sender email", why=refused)]
    text = "".join([(await operator.get(path)).text for path in PAGES])
    assert "example.org" not in text
    assert "bouncing" in text


async def test_somebodys_rules_read_as_sentences_and_destinations_by_name(
    operator: Browser, bob: Preferences
) -> None:
    page = (await operator.get("/admin/users/bob")).text
    sentence = re.findall(r'class="sentence">([^<]*)<', page)
    assert (len(sentence), "*.bodhi.*" in sentence[0]) == (1, True)
    assert re.search(r'row">email</th><td data-label="Kind">email</td>', page)


async def test_each_look_at_somebody_is_audited(operator: Browser, parts: Parts) -> None:
    for _ in range(2):
        await operator.get("/admin/users/bob")
    assert await audited(parts) == [("olga", "looked at rules", "bob", "")] * 2


async def test_a_look_at_dead_letters_is_audited(operator: Browser, parts: Parts) -> None:
    await operator.get("/admin/dead")
    assert await audited(parts) == [("olga", "looked at dead letters", "", "")]


@pytest.mark.parametrize(
    ("deed", "said"), [("replay", "Back in its queue"), ("drop", "Thrown away")]
)
async def test_a_dead_letter_is_replayed_or_dropped_once_and_that_is_audited(
    operator: Browser, queues: FakeQueues, parts: Parts, deed: str, said: str
) -> None:
    queues.dead = [a_letter(what="message"), a_letter(what="message", id="0/2-0")]
    answers = [await operator.submit(f"/admin/dead/0/1-0/{deed}") for _ in range(2)]
    pages = [(await operator.get(answer.headers["location"])).text for answer in answers]
    assert [said in page for page in pages] == [True, False]
    assert "not there any more" in pages[1]
    assert [one["id"] for one in queues.dead] == ["0/2-0"]
    action = {"replay": "replayed a dead letter", "drop": "dropped a dead letter"}[deed]
    deeds = [entry for entry in await audited(parts) if entry[1] == action]
    assert deeds == [("olga", action, "", "0/1-0")] * 2


async def test_what_cannot_be_replayed_says_why(operator: Browser, queues: FakeQueues) -> None:
    queues.dead = [a_letter(id="1/1-0")]
    answer = await operator.submit("/admin/dead/1/1-0/replay")
    assert (answer.status_code, "only its first bytes were kept" in answer.text) == (422, True)
    assert "/admin/dead/1/1-0/replay" not in (await operator.get("/admin/dead")).text


async def test_a_look_at_oneself_is_not_audited(operator: Browser, parts: Parts) -> None:
    assert (await operator.get("/admin/users/olga")).status_code == 200
    assert await audited(parts) == []


async def test_who_is_not_there_is_not_found_and_not_audited(
    operator: Browser, parts: Parts
) -> None:
    assert (await operator.get("/admin/users/nobody")).status_code == 404
    assert await audited(parts) == []


async def test_a_stopped_rule_matches_no_more_and_its_owner_reads_why(
    operator: Browser, parts: Parts, signed_in_as: SignIn
) -> None:
    theirs = await signed_in_as("bob")
    before = await heard_by(parts, "bob")
    answer = await operator.submit(
        "/admin/users/bob/rules/bob-updates/stop", reason=" It floods <the> list. "
    )
    assert answer.status_code == 303
    assert (before, await heard_by(parts, "bob")) == (["email"], [])
    why = "It floods &lt;the&gt; list."
    pages = [await operator.get("/admin/users/bob"), await theirs.get("/rules")]
    assert [why in page.text for page in pages] == [True, True]


async def test_a_rule_that_may_go_on_matches_again(
    operator: Browser, parts: Parts, queues: FakeQueues
) -> None:
    for deed in ("stop", "allow"):
        await operator.submit(f"/admin/users/bob/rules/bob-updates/{deed}", reason="a flood")
    assert await heard_by(parts, "bob") == ["email"]
    assert len(queues.nudges) == 2


async def test_stopping_is_audited_with_rule_and_reason(operator: Browser, parts: Parts) -> None:
    for deed in ("stop", "allow"):
        await operator.submit(f"/admin/users/bob/rules/bob-updates/{deed}", reason="a flood")
    deeds = [entry for entry in await audited(parts) if entry[1] != "looked at rules"]
    assert deeds == [
        ("olga", "let a rule go on", "bob", "updates"),
        ("olga", "stopped a rule", "bob", "updates: a flood"),
    ]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [("", "Say why: the owner of the rule reads it."), ("x" * 301, "At most 300 characters")],
)
async def test_a_reason_that_is_none_is_refused_beside_its_field(
    operator: Browser, parts: Parts, typed: str, fault: str
) -> None:
    answer = await operator.submit("/admin/users/bob/rules/bob-updates/stop", reason=typed)
    page = answer.text
    field = re.findall(r'<input id="reason-bob-updates"[^>]*>', page)[0]
    assert (answer.status_code, page.count(fault)) == (422, 2)
    assert f'value="{typed}"' in field
    assert "reason-bob-updates-problem" in field
    assert 'href="#reason-bob-updates"' in page
    assert await heard_by(parts, "bob") == ["email"]


async def test_a_rule_that_is_not_there_is_not_found(operator: Browser, parts: Parts) -> None:
    answer = await operator.submit("/admin/users/bob/rules/alice-updates/stop", reason="a flood")
    assert answer.status_code == 404
    assert {"looked at rules"} == {entry[1] for entry in await audited(parts)}


async def test_a_form_that_is_not_ours_stops_nothing(operator: Browser, parts: Parts) -> None:
    answer = await operator.post(
        "/admin/users/bob/rules/bob-updates/stop", data={"csrf": "x", "reason": "a flood"}
    )
    assert (answer.status_code, await heard_by(parts, "bob")) == (403, ["email"])


async def test_people_are_found_by_a_part_of_their_name(operator: Browser, parts: Parts) -> None:
    for name in ("carol", "caroline", "100%", "a/b c"):
        await people.account_of(parts, name)
    pages = [(await operator.get("/admin/users", params={"q": q})).text for q in ("carol", "%")]
    found = [re.findall(r'href="/admin/users/([^"?]+)"', page) for page in pages]
    assert found == [["carol", "caroline"], ["100%25"]]


async def test_a_name_of_any_characters_has_a_page(operator: Browser, parts: Parts) -> None:
    await people.account_of(parts, "a/b c?")
    page = (await operator.get("/admin/users", params={"q": "a/b"})).text
    (link,) = re.findall(r'href="(/admin/users/[^"?]+)"', page)
    assert "Rules of a/b c?" in (await operator.get(link)).text


async def test_people_stand_on_pages_by_name(operator: Browser, parts: Parts) -> None:
    for number in range(60):
        await people.account_of(parts, f"user-{number:02}")
    seen: list[str] = []
    path: str | None = "/admin/users?q=user-"
    while path:
        page = (await operator.get(path)).text
        seen += re.findall(r'href="/admin/users/([^"?]+)"', page)
        more = re.findall(r'href="(/admin/users\?[^"]*)">Next page', page)
        path = more[0].replace("&amp;", "&") if more else None
    assert [f"user-{number:02}" for number in range(60)] == seen


async def test_the_audit_log_stands_on_pages_by_number(operator: Browser, parts: Parts) -> None:
    async with writing(parts.engine) as connection:
        for number in range(120):
            await note(connection, by="olga", action="looked at rules", about=f"user-{number}")
    first = (await operator.get("/admin/audit")).text
    (older,) = re.findall(r'href="(/admin/audit\?before=\d+)"', first)
    second = (await operator.get(older)).text
    seen = [re.findall(r">(user-\d+)</a>", page) for page in (first, second)]
    assert [f"user-{number}" for number in reversed(range(120))] == seen[0] + seen[1]
    assert [len(each) for each in seen] == [100, 20]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/audit?before=0", "/admin/audit?before=x", "/admin/users?q=" + "x" * 256,
        "/admin/users/bob?start=-1", "/admin/users/bob?start=99999999999999999999",
    ],
)  # fmt: skip
async def test_what_makes_no_sense_in_an_address_is_refused(operator: Browser, path: str) -> None:
    assert (await operator.get(path)).status_code == 400


async def test_many_rules_stand_on_pages(operator: Browser, parts: Parts) -> None:
    at: Destination = a_destination(user="carol")
    rules = [a_rule(f"rule-{number:02}", at, user="carol") for number in range(60)]
    await people.saved(parts, some_preferences("carol", *rules))
    first = (await operator.get("/admin/users/carol")).text
    second = (await operator.get("/admin/users/carol?start=50")).text
    seen = [re.findall(r"<h3[^>]*>(rule-\d+)</h3>", page) for page in (first, second)]
    assert [f"rule-{number:02}" for number in range(60)] == seen[0] + seen[1]
    assert 'href="/admin/users/carol?start=50"' in first


async def test_people_stay_marked_on_the_page_of_one(operator: Browser, bob: Preferences) -> None:
    page = (await operator.get("/admin/users/bob")).text
    sections = page.partition('aria-label="For operators"')[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]*)" aria-current="([^"]*)"', sections) == [
        ("/admin/users", "true")
    ]


async def test_of_what_is_nobodys_the_audit_log_names_nobody(operator: Browser) -> None:
    await operator.get("/admin/dead")
    page = (await operator.get("/admin/audit")).text
    assert '<td data-label="Whose"></td>' in page
    assert "nobody&#39;s" not in page
    assert "nobody's" not in page
