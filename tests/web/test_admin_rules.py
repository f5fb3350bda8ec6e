"""How many rules are looked at for every message, and whose they are, for operators."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fmn.preferences.values import Preferences
from fmn.rules.filter import Filter
from fmn.rules.filters.severity import Severity
from fmn.rules.filters.text import Text
from fmn.rules.filters.topic import Topic
from fmn.storage import everywhere as module
from fmn.storage.accounts import account, delete_account
from fmn.storage.engine import reading, writing
from fmn.storage.everywhere import Everywhere, everywhere
from fmn.web.parts import Parts
from tests.storage.factories import a_rule, some_preferences
from tests.web import people
from tests.web.gate import Gate, filter_at
from tests.web.people import Browser

LONG = timedelta(minutes=1)
LEAVING_OUT = (Severity(at_least="warning", negate=True), Topic(patterns=("a",), negate=True))
ASKING = (Text(words=("security",)),)


def having(user: str, *filters: tuple[Filter, ...], **changes: Any) -> Preferences:
    """Return somebody with a rule of each of these lists of filters, each meant so."""
    said: dict[str, Any] = {"everything": True} | changes
    rules = (
        replace(a_rule(f"{place}", user=user), filters=each, **said)
        for place, each in enumerate(filters)
    )
    return some_preferences(user, *rules)


async def found_in(parts: Parts, patience: timedelta = LONG) -> Everywhere:
    async with reading(parts.engine) as connection:
        return await everywhere(connection, parts.filters, patience=patience)


async def test_what_asks_for_nothing_is_counted_by_user_those_with_most_first(parts: Parts) -> None:
    await people.saved(parts, having("alice", LEAVING_OUT, ASKING, (*LEAVING_OUT, *ASKING)))
    await people.saved(parts, having("bob", (), LEAVING_OUT, ASKING))
    await people.saved(parts, having("carol", ASKING))
    found = await found_in(parts)
    assert found == Everywhere((("bob", 2), ("alice", 1)), partial=False)
    assert found.rules == 3


async def test_what_cannot_match_or_is_deleted_does_not_count(parts: Parts) -> None:
    await people.saved(parts, having("alice", (), enabled=False))
    await people.saved(parts, having("bob", (), blocked="floods"))
    await people.saved(parts, having("carol", ()))
    await people.saved(parts, replace(having("carol", ()), rules=()))
    await people.saved(parts, having("dora", ()))
    async with writing(parts.engine) as connection:
        dora = await account(connection, "dora")
        assert dora
        await delete_account(connection, dora.id)
    assert (await found_in(parts)).of == ()


async def test_a_filter_of_a_kind_that_never_has_keys_counts_where_it_is_alone(
    parts: Parts,
) -> None:
    gate = filter_at(Gate())
    parts = replace(parts, filters={**parts.filters, "gate": gate})
    rules = having("alice", (gate(),), (gate(), *ASKING), everything=False)
    await people.saved(parts, rules)
    assert (await found_in(parts)).of == (("alice", 1),)


async def test_a_rule_that_cannot_be_read_costs_no_other(parts: Parts) -> None:
    gate = filter_at(Gate())
    await people.saved(parts, having("alice", (gate(),), ()))
    assert (await found_in(parts)).of == (("alice", 1),)


async def test_when_patience_is_over_what_was_found_is_said_to_be_partial(parts: Parts) -> None:
    many = ((),) * (module.BLOCK + 1)
    await people.saved(parts, having("alice", *many))
    found = await found_in(parts, timedelta(seconds=-1))
    assert found == Everywhere((("alice", module.BLOCK),), partial=True)


@pytest.fixture
async def operator(signed_in_as: Callable[..., Awaitable[Browser]]) -> Browser:
    return await signed_in_as("olga", admin=True)


async def test_the_page_names_twenty_people_and_leads_to_their_rules(
    operator: Browser, parts: Parts
) -> None:
    for number in range(22):
        await people.saved(parts, having(f"user-{number:02}", *((),) * (30 - number)))
    page = (await operator.get("/admin/rules")).text
    rows = re.findall(r'href="(/admin/users/[^"]*)">([^<]*)</a></th>\s*<td[^>]*>(\d+)<', page)
    expected = [(f"/admin/users/user-{n:02}", f"user-{n:02}", f"{30 - n}") for n in range(20)]
    assert rows == expected
    assert "<strong>429</strong> rules are looked at for every message, of 22 people." in page
    assert "And 2 more people." in page
    assert "too many" not in page


async def test_a_site_without_such_rules_is_told_so(operator: Browser) -> None:
    assert "No rule is looked at for every message." in (await operator.get("/admin/rules")).text
