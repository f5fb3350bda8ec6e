"""Programs that call the API: a client with a token of somebody."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from fmn.storage.engine import writing
from fmn.storage.tokens import issue
from fmn.web.parts import Parts
from tests.web.people import SITE, account_of

BOTH = ("read", "write")
EMAIL = {"name": "email", "kind": "email", "address": "alice@example.org"}
RULE: dict[str, Any] = {
    "name": "Builds of koji",
    "filters": [{"kind": "application", "names": ["koji"]}],
    "destinations": ["email"],
}


async def token_of(parts: Parts, name: str, scopes: Collection[str] = BOTH) -> str:
    """Return a token of this user, who is made where there is none."""
    theirs = await account_of(parts, name)
    expires = datetime.now(UTC) + timedelta(hours=1)
    async with writing(parts.engine) as connection:
        return await issue(
            connection, theirs.id, "api", name="test", scopes=frozenset(scopes), expires=expires
        )


def client(app: FastAPI, token: str = "") -> httpx.AsyncClient:
    """Return a client of the API; without a token it is nobody."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=f"{SITE}/api/v1",
        headers=headers,
        timeout=60,
    )


async def caller(app: FastAPI, name: str, *scopes: str) -> httpx.AsyncClient:
    """Return a client of the API with a token of this user: read and write unless said."""
    return client(app, await token_of(app.state.parts, name, scopes or BOTH))


async def with_rule(app: FastAPI, name: str = "alice") -> tuple[httpx.AsyncClient, dict[str, Any]]:
    """Return a client of somebody with a destination and a rule, and that rule."""
    api = await caller(app, name)
    address = {"address": f"{name}@example.org"}
    assert (await api.post("/destinations", json=EMAIL | address)).status_code == 201
    added = await api.post("/rules", json=RULE)
    assert added.status_code == 201
    rule: dict[str, Any] = added.json()
    return api, rule


def problem(answer: httpx.Response, status: int) -> Any:
    """Return what a problem says, which is one of RFC 9457 with this status."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (answer.status_code, said["status"]) == (status, status), said
    assert set(said) == {"type", "title", "status", "detail", "errors"}
    return said
