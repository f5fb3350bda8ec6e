"""The account: time zone, pausing everything, tokens, import and export, and leaving."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from fmn.model import DestinationState, RuleId, UserId
from fmn.preferences.codec import write_user
from fmn.preferences.values import Preferences
from fmn.storage.accounts import account
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.storage.tokens import present, tokens_of
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, some_preferences
from tests.web import people
from tests.web.fakes import FakeQueues
from tests.web.people import Browser

EMAIL = a_destination()
PHONE = a_destination("phone")
ALICE = Preferences(
    UserId("id-of-alice"), "alice", (), (EMAIL, PHONE), (a_rule("updates", EMAIL, PHONE),)
)
TOKEN = {"token": "my script", "scope": "read", "days": "30"}


@pytest.fixture
async def alice(parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    """Somebody with two destinations and a rule that tells both."""
    await people.saved(parts, ALICE)
    return await signed_in_as("alice")


async def mine(parts: Parts) -> Preferences:
    async with reading(parts.engine) as connection:
        found = await load_user(connection, "alice", parts.filters)
    assert found
    return found


async def zone_of(parts: Parts) -> str:
    async with reading(parts.engine) as connection:
        found = await account(connection, "alice")
    assert found
    return found.time_zone


def wrong(page: str) -> list[str]:
    """Return the fields in which a page says something is wrong."""
    return re.findall(r'id="(\w+)-problem"', page)


async def test_a_time_zone_is_chosen_and_times_are_read_in_it(alice: Browser, parts: Parts) -> None:
    answer = await alice.submit("/account/time-zone", time_zone="Asia/Kathmandu")
    assert (answer.status_code, await zone_of(parts)) == (303, "Asia/Kathmandu")
    until = datetime(2126, 1, 1, 12, tzinfo=UTC)
    paused = replace(EMAIL, state=DestinationState.PAUSED, until=until)
    await people.saved(parts, replace(ALICE, destinations=(paused, PHONE)))
    assert "2126-01-01 17:45 +0545" in (await alice.get("/destinations")).text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "europe/berlin", "localtime"])
async def test_a_zone_that_is_none_is_refused_and_kept(
    alice: Browser, parts: Parts, zone: str
) -> None:
    answer = await alice.submit("/account/time-zone", time_zone=zone)
    assert (answer.status_code, wrong(answer.text)) == (422, ["time_zone"])
    assert f'value="{zone}"' in answer.text
    assert await zone_of(parts) == ""


async def test_everything_is_paused_and_goes_on(alice: Browser, parts: Parts) -> None:
    await alice.submit("/account/pause", **{"for": "open"})
    states = {each.state for each in (await mine(parts)).destinations}
    assert states == {DestinationState.PAUSED}
    assert "2 destinations are paused until you resume" in (await alice.get("/account")).text
    await alice.submit("/account/resume")
    assert await mine(parts) == ALICE


@pytest.mark.parametrize(("own", "all_"), [("open", "day"), ("week", "open"), ("hour", "week")])
async def test_what_was_paused_by_itself_stays_so(
    alice: Browser, parts: Parts, own: str, all_: str
) -> None:
    await alice.submit(f"/destinations/{PHONE.id}/pause", **{"for": own})
    await alice.submit("/account/pause", **{"for": all_})
    await alice.submit("/account/resume")
    states = [each.state for each in (await mine(parts)).destinations]
    assert states == [DestinationState.ACTIVE, DestinationState.PAUSED]


async def test_the_export_is_the_users_entry(alice: Browser) -> None:
    answer = await alice.get("/account/preferences.yaml")
    assert answer.text == write_user(ALICE)
    assert answer.headers["content-type"].startswith("application/yaml")


CHANGED = """
destinations:
  email: {kind: email, address: alice+email@example.org}
  phone: {kind: email, address: alice@new.example.org}
rules:
- name: Updates
  filters:
  - {kind: topic, patterns: ['*.koji.*']}
  destinations: [email, phone]
"""


def form_of(page: str) -> dict[str, str]:
    """Return what the form of an import's page would post."""
    mark = re.search(r'name="mark" value="([^"]*)"', page)
    yaml = re.search(r'<textarea name="yaml"[^>]*>\n(.*)</textarea>', page, re.DOTALL)
    assert mark
    assert yaml
    return {"mark": mark[1], "yaml": unescape(yaml[1])}


async def test_an_import_is_shown_first_and_changes_nothing(alice: Browser, parts: Parts) -> None:
    answer = await alice.submit("/account/import", yaml=CHANGED)
    assert answer.status_code == 200
    gone = [unescape(line) for line in re.findall(r"<del>(.*)</del>", answer.text)]
    come = [unescape(line) for line in re.findall(r"<ins>(.*)</ins>", answer.text)]
    assert any("alice+phone@example.org" in line for line in gone)
    assert any("alice@new.example.org" in line for line in come)
    assert any("*.koji.*" in line for line in come)
    assert "before you confirm it" in answer.text
    assert await mine(parts) == ALICE


async def test_an_import_is_applied_as_it_was_shown(alice: Browser, parts: Parts) -> None:
    page = (await alice.submit("/account/import", yaml=CHANGED)).text
    answer = await alice.submit("/account/import/apply", **form_of(page))
    assert answer.status_code == 303
    found = await mine(parts)
    email, phone = found.destinations
    (rule,) = found.rules
    assert email == EMAIL, "an address that stays is confirmed as before"
    assert (phone.address, phone.state) == (
        "alice@new.example.org",
        DestinationState.UNCONFIRMED,
    )
    assert phone.id != PHONE.id
    assert (rule.id, rule.name) == (ALICE.rules[0].id, "Updates")


async def test_a_file_is_imported_like_pasted_text(alice: Browser) -> None:
    files = {"file": ("preferences.yaml", CHANGED.encode(), "application/yaml")}
    fields = {"csrf": alice.csrf, "yaml": ""}
    answer = await alice.post("/account/import", data=fields, files=files)
    assert (answer.status_code, form_of(answer.text)["yaml"].strip()) == (200, CHANGED.strip())


async def test_a_file_needs_a_form_of_ours(alice: Browser) -> None:
    files = {"file": ("preferences.yaml", CHANGED.encode(), "application/yaml")}
    answer = await alice.post("/account/import", data={"csrf": "x"}, files=files)
    assert answer.status_code == 403


async def test_an_import_does_not_overwrite_what_was_saved_in_between(
    alice: Browser, parts: Parts
) -> None:
    page = (await alice.submit("/account/import", yaml=CHANGED)).text
    between = replace(ALICE, rules=(replace(ALICE.rules[0], name="renamed"),))
    await people.saved(parts, between)
    answer = await alice.submit("/account/import/apply", **form_of(page))
    assert (answer.status_code, await mine(parts)) == (409, between)
    assert "changed in between" in answer.text
    again = await alice.submit("/account/import/apply", **form_of(answer.text))
    assert (again.status_code, (await mine(parts)).rules[0].name) == (303, "Updates")


async def test_an_import_does_not_free_a_rule_that_an_operator_stopped(
    alice: Browser, parts: Parts
) -> None:
    stopped = replace(ALICE.rules[0], blocked="floods the server", id=RuleId("r-1"))
    await people.saved(parts, replace(ALICE, rules=(stopped,)))
    exported = (await alice.get("/account/preferences.yaml")).text.replace("bodhi", "koji")
    page = (await alice.submit("/account/import", yaml=exported)).text
    await alice.submit("/account/import/apply", **form_of(page))
    (rule,) = (await mine(parts)).rules
    assert (rule.blocked, "koji" in str(rule.filters)) == ("floods the server", True)


@pytest.mark.parametrize(
    ("yaml", "words"),
    [
        ("---", "expected a mapping"),
        ("rules: [", "line 1"),
        ("rules: nonsense", "rules: expected a list"),
        ("destinations: {email: {kind: pigeon, address: x}}", "destinations.email.kind"),
        ("destinations: {email: {kind: email, address: x}}", "destinations.email.address"),
        ("x" * 300_000, "at most 256 KiB"),
    ],
)
@pytest.mark.parametrize("path", ["/account/import", "/account/import/apply"])
async def test_bad_yaml_is_refused_with_its_place_and_kept(
    alice: Browser, parts: Parts, path: str, yaml: str, words: str
) -> None:
    answer = await alice.submit(path, yaml=yaml, mark="x")
    assert (answer.status_code, wrong(answer.text)) == (422, ["yaml"])
    assert words in unescape(answer.text)
    assert f"\n{yaml}</textarea>" in unescape(answer.text)
    assert await mine(parts) == ALICE


async def test_an_import_of_nothing_asks_for_something(alice: Browser) -> None:
    answer = await alice.submit("/account/import", yaml=" ")
    assert (answer.status_code, "paste the YAML here" in answer.text) == (422, True)


async def test_an_import_that_changes_nothing_says_so(alice: Browser) -> None:
    answer = await alice.submit("/account/import", yaml=write_user(ALICE))
    assert "your preferences say this already" in answer.text


@pytest.mark.parametrize(("scope", "scopes"), [("read", {"read"}), ("write", {"read", "write"})])
async def test_a_token_is_shown_once_and_works(
    alice: Browser, parts: Parts, scope: str, scopes: set[str]
) -> None:
    answer = await alice.submit("/account/tokens", **(TOKEN | {"scope": scope}))
    assert answer.status_code == 200
    shown = re.search(r"<p><code>([^<]+)</code>", answer.text)
    assert shown
    async with reading(parts.engine) as connection:
        token = await present(connection, shown[1], "api")
    assert token
    assert (token.user, token.name) == (ALICE.id, "my script")
    assert set(token.scopes) == scopes
    assert abs(token.expires - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
    page = (await alice.get("/account")).text
    assert (shown[1] in page, "my script" in page) == (False, True)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("token", {"token": ""}),
        ("token", {"token": "x" * 101}),
        ("token", {"token": "a\x07b"}),
        ("scope", {"scope": "admin"}),
        ("scope", {"scope": ""}),
        ("days", {"days": "0"}),
        ("days", {"days": "366"}),
        ("days", {"days": "-1"}),
        ("days", {"days": "²"}),
        ("days", {"days": "9" * 5000}),
        ("days", {"days": "soon"}),
    ],
)
async def test_a_token_is_refused_at_the_field_that_is_wrong(
    alice: Browser, parts: Parts, field: str, typed: dict[str, str]
) -> None:
    fields = TOKEN | typed
    answer = await alice.submit("/account/tokens", **fields)
    assert (answer.status_code, wrong(answer.text)) == (422, [field])
    assert field == "token" or 'value="my script"' in answer.text
    async with reading(parts.engine) as connection:
        assert await tokens_of(connection, ALICE.id, "api") == []


async def test_a_user_has_twenty_tokens_at_most(alice: Browser) -> None:
    fields = {"token": "one more", "scope": "read", "days": "1"}
    answers = [await alice.submit("/account/tokens", **fields) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [422]


async def test_a_revoked_token_works_no_more_and_only_its_owner_revokes_it(
    alice: Browser, parts: Parts, signed_in_as: Callable[..., Awaitable[Browser]]
) -> None:
    await alice.submit("/account/tokens", **TOKEN)
    page = (await alice.get("/account")).text
    (at,) = re.findall(r'action="(/account/tokens/[^"]+/revoke)"', page)
    bob = await signed_in_as("bob")
    assert (await bob.submit(at)).status_code == 404
    assert at in (await alice.get("/account")).text
    assert (await alice.submit(at)).headers["location"] == "/account?said=revoked"
    assert at not in (await alice.get("/account")).text


@pytest.mark.parametrize("name", ["", "Alice", "bob", "alicealice"])
async def test_an_account_is_not_deleted_by_mistake(
    alice: Browser, parts: Parts, queues: FakeQueues, name: str
) -> None:
    answer = await alice.submit("/account/delete", name=name)
    assert (answer.status_code, wrong(answer.text)) == (422, ["name"])
    assert (await mine(parts), queues.purged) == (ALICE, [])


async def test_a_deleted_account_is_erased_signed_out_and_purged(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    answer = await alice.submit("/account/delete", name="alice")
    assert (answer.status_code, "Your account is deleted" in answer.text) == (200, True)
    assert queues.purged == [frozenset({EMAIL.id, PHONE.id})]
    assert len(queues.nudges) == 1
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    async with reading(parts.engine) as connection:
        assert await load_user(connection, "alice", parts.filters) is None
        assert await account(connection, "alice") is None
    alice.cookies.set("fmn-session", alice.secret, domain="fmn.example")
    assert (await alice.get("/account")).status_code == 303


async def test_an_account_is_deleted_while_redis_is_away_and_the_page_says_what_is_left(
    alice: Browser, parts: Parts, queues: FakeQueues
) -> None:
    queues.away = True
    answer = await alice.submit("/account/delete", name="alice")
    assert (answer.status_code, "queues could not be reached" in answer.text) == (200, True)
    async with reading(parts.engine) as connection:
        assert await account(connection, "alice") is None


FORMS = ["time-zone", "pause", "resume", "import", "import/apply", "tokens", "delete"]


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_is_not_ours_changes_nothing(
    alice: Browser, parts: Parts, path: str
) -> None:
    fields = {"csrf": "0" * 64, "name": "alice", "for": "day", "yaml": CHANGED, "mark": "x"}
    fields |= {"time_zone": "Europe/Berlin", "token": "mine", "scope": "read", "days": "1"}
    assert (await alice.post(f"/account/{path}", data=fields)).status_code == 403
    assert (await mine(parts), await zone_of(parts)) == (ALICE, "")


async def test_the_page_is_small(alice: Browser) -> None:
    assert len((await alice.get("/account")).content) < 100_000


async def test_names_and_addresses_are_not_markup(alice: Browser, parts: Parts) -> None:
    bad = "<img src=x>"
    rule = replace(ALICE.rules[0], name=bad)
    await people.saved(
        parts, replace(some_preferences("alice"), rules=(rule,), destinations=(EMAIL, PHONE))
    )
    await alice.submit("/account/tokens", token=bad, scope="read", days="1")
    page = (await alice.submit("/account/import", yaml=f"rules: []\n# {bad}</textarea>{bad}")).text
    assert bad not in page
    assert bad not in (await alice.get("/account")).text
