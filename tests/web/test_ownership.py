"""Every page, asked by bob for what is alice's: he sees nothing of it and changes nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.routing import APIRoute

from fmn.model import RuleId
from fmn.preferences.values import Preferences
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user
from fmn.storage.tokens import issue, tokens_of
from fmn.web.parts import Parts
from tests.storage.factories import a_destination, a_rule, some_preferences
from tests.web.people import Browser, account_of
from tests.web.routes import LOGIN, SIGNED, name_of, page_routes

ALICES = replace(
    some_preferences("alice"),
    destinations=(replace(a_destination(), address="alice@secret.example"),),
    rules=(replace(a_rule("known to alice alone"), id=RuleId("r-1")),),
)
SECRETS = ("alice@secret.example", "known to alice alone", "token of alice")
PAGES = [
    page
    for page in page_routes()
    if not page[1].path.startswith(SIGNED) and page[1].path not in LOGIN
]


async def things_of_alice(parts: Parts) -> tuple[Preferences | None, list[str]]:
    """Return what alice has: preferences, and the ids of her tokens."""
    async with reading(parts.engine) as connection:
        found = await load_user(connection, "alice", parts.filters)
        theirs = await tokens_of(connection, ALICES.id, "api")
    return found, [token.id for token in theirs]


@pytest.mark.parametrize("page", PAGES, ids=map(name_of, PAGES))
async def test_what_is_alices_is_not_there_for_bob(
    page: tuple[str, APIRoute],
    parts: Parts,
    saved: Callable[[Preferences], Awaitable[int]],
    signed_in_as: Callable[..., Awaitable[Browser]],
) -> None:
    await saved(ALICES)
    await account_of(parts, "bob")
    async with writing(parts.engine) as connection:
        expires = datetime.now(UTC) + timedelta(days=1)
        await issue(
            connection, ALICES.id, "api",
            name="token of alice", scopes=frozenset({"read"}), expires=expires,
        )  # fmt: skip
    before = await things_of_alice(parts)
    method, route = page
    bob = await signed_in_as("bob")
    ids = {"rule": ALICES.rules[0].id, "name": "alice", "token": "x"}
    for one in (ALICES.destinations[0].id, before[1][0]):  # what an `id_` may be
        path = route.path
        for parameter in route.dependant.path_params:
            path = path.replace(f"{{{parameter.name}:path}}", f"{{{parameter.name}}}")
            path = path.replace(f"{{{parameter.name}}}", ids.get(parameter.name, one))
        form = {"csrf": bob.csrf, "do": "save", "id": ids["rule"], "name": "alice"}
        answer = await bob.request(method, path, data=form if method == "POST" else None)
        assert answer.status_code < 500
        assert [secret for secret in SECRETS if secret in answer.text] == []
        if route.dependant.path_params:
            assert answer.status_code in {403, 404, 410, 422, 409}
    assert await things_of_alice(parts) == before
