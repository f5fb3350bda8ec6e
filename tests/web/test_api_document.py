"""The OpenAPI document, and that the API does what it says and lets nobody near what is not his."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fmn.cli.settings import filter_kinds
from fmn.preferences.strict_yaml import write
from fmn.web.parts import Parts
from tests.web.callers import caller, client, problem, token_of, with_rule

SCOPES = ("read", "write", "admin")


async def document_of(app: FastAPI) -> dict[str, Any]:
    document: dict[str, Any] = (await client(app).get("/openapi.json")).json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def sent(operation: dict[str, Any]) -> dict[str, Any]:
    """Return what the document gives as an example to send."""
    headers = {"If-Match": "*"}
    body = operation.get("requestBody")
    if not body:
        return {"headers": headers}
    [(media, content)] = body["content"].items()
    if media == "application/json":
        return {"headers": headers, "json": content["example"]}
    return {"headers": headers | {"content-type": media}, "content": write(content["example"])}


async def test_the_document_is_public_and_is_openapi_3_1(app: FastAPI) -> None:
    document = await document_of(app)
    assert document["openapi"].startswith("3.1.")
    assert document["servers"][0]["url"] == "/api/v1"
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


async def test_every_operation_is_described(app: FastAPI) -> None:
    document = await document_of(app)
    tags = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids) > 20
    for method, path, operation in operations(document):
        at = (method, path)
        assert operation["summary"], at
        assert operation["description"], at
        assert set(operation["tags"]) <= tags, at
        assert operation["security"] in [[{"token": [scope]}] for scope in SCOPES], at
        for status, answer in operation["responses"].items():
            assert answer["description"], (at, status)
            media = set(answer.get("content", {}))
            assert (media == {"application/problem+json"}) is (int(status) >= 400), (at, status)


async def test_filters_are_one_of_the_installed_kinds(app: FastAPI) -> None:
    schemas = (await document_of(app))["components"]["schemas"]
    named = [each["$ref"].rpartition("/")[2] for each in schemas["Filter"]["oneOf"]]
    kinds = {schemas[name]["properties"]["kind"]["const"] for name in named}
    assert kinds == set(filter_kinds())
    assert set(schemas["TopicFilter"]["required"]) == {"kind", "patterns"}


async def test_nothing_in_the_document_leads_nowhere(app: FastAPI) -> None:
    answer = await client(app).get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    referred = set(re.findall('"#/components/schemas/([^"]+)"', answer.text))
    assert referred <= set(schemas)
    assert set(schemas) - referred == set()


async def test_the_examples_of_bodies_do_what_they_say(app: FastAPI) -> None:
    api = await caller(app, "alice")
    found = {
        (method, path): sent(operation)
        for method, path, operation in operations(await document_of(app))
    }
    for path, status in (("/destinations", 201), ("/rules", 201), ("/rules/preview", 200)):
        assert (await api.post(path, **found["POST", path])).status_code == status
    [rule] = (await api.get("/rules")).json()["rules"]
    for method in ("PUT", "PATCH"):
        how = found[method, "/rules/{rule}"]
        assert (await api.request(method, f"/rules/{rule['id']}", **how)).status_code == 200
    assert (await api.put("/preferences", **found["PUT", "/preferences"])).status_code == 200
    [rule] = (await api.get("/rules")).json()["rules"]
    assert rule["name"] == "My packages"


async def test_nobody_gets_anywhere_without_a_token(app: FastAPI, parts: Parts) -> None:
    session = {"cookie": f"fmn-session={await token_of(parts, 'alice')}"}
    for method, path, operation in operations(await document_of(app)):
        for headers in (
            {},
            session,
            {"authorization": "Bearer nosuch"},
            {"authorization": "Bearer"},
            {"authorization": f"Basic {await token_of(parts, 'alice')}"},
        ):
            how = sent(operation)
            how["headers"] |= headers
            answer = await client(app).request(method, path, **how)
            problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path)


async def test_a_token_does_what_its_scopes_say_and_no_more(app: FastAPI) -> None:
    for scope in SCOPES:
        api = await caller(app, "alice", *(each for each in SCOPES if each != scope))
        for method, path, operation in operations(await document_of(app)):
            if operation["security"] == [{"token": [scope]}]:
                answer = await api.request(method, path, **sent(operation))
                problem(answer, 403)
                assert f'scope="{scope}"' in answer.headers["www-authenticate"]


async def test_what_is_anothers_is_not_there(app: FastAPI) -> None:
    alice, rule = await with_rule(app, "alice")
    bob = await caller(app, "bob", "read", "write")
    [to] = (await alice.get("/destinations")).json()["destinations"]
    before = (await alice.get("/preferences")).text
    ids = {"{rule}": rule["id"], "{destination}": to["id"]}
    walked = 0
    for method, path, operation in operations(await document_of(app)):
        for name, id_ in ids.items():
            if name in path and not path.startswith("/admin"):
                answer = await bob.request(method, path.replace(name, id_), **sent(operation))
                problem(answer, 404)
                walked += 1
    assert walked == 12
    assert (await alice.get("/preferences")).text == before


async def test_what_a_rule_of_anothers_is_told_stays_its_owners(app: FastAPI) -> None:
    _, theirs = await with_rule(app, "alice")
    bob, mine = await with_rule(app, "bob")
    [to] = (await bob.get("/destinations")).json()["destinations"]
    text = (
        f"destinations: {{email: {{id: {to['id']}, kind: email, address: bob@example.org}}}}\n"
        f"rules: [{{id: {theirs['id']}, name: x, everything: true, destinations: [email]}}]\n"
    )
    put = await bob.put("/preferences", content=text, headers={"content-type": "application/yaml"})
    assert put.status_code == 200
    [rule] = (await bob.get("/rules")).json()["rules"]
    assert rule["id"] not in {theirs["id"], mine["id"]}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nosuch", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/rules/", 404, None),
        ("PATCH", "/rules", 405, "GET, POST"),
        ("POST", "/rules/x", 405, "GET, PUT, PATCH, DELETE"),
        ("OPTIONS", "/me", 405, "GET"),
        ("GET", "/deliveries?limit=0", 422, None),
        ("GET", "/deliveries?limit=101", 422, None),
        ("GET", "/deliveries?after=bm90IG91cnM=", 422, None),
        ("GET", "/deliveries?after=%C3%A9", 422, None),
        ("GET", "/seen", 422, None),
        ("GET", "/seen?field=nosuch", 422, None),
        ("GET", "/explain", 422, None),
        ("GET", "/explain?message=%01", 422, None),
        ("GET", "/explain?message=%00", 400, None),
    ],
)
async def test_every_error_is_a_problem(
    app: FastAPI, method: str, path: str, status: int, allow: str | None
) -> None:
    api = await caller(app, "alice")
    answer = await api.request(method, path)
    said = problem(answer, status)
    assert answer.headers.get("allow") == allow
    if status == 422:
        assert said["errors"][0]["field"] in {"limit", "after", "field", "message"}


async def test_a_database_that_is_away_is_said_without_its_address(
    app: FastAPI, parts: Parts
) -> None:
    api = await caller(app, "alice")
    await parts.engine.dispose()
    folder = parts.engine.url.database
    assert folder
    # What is no database any more cannot be read.
    with open(folder, "wb") as file:  # noqa: ASYNC230, PTH123  # a moment, in a test
        file.write(b"x" * 4096)
    answer = await api.get("/rules")
    said = problem(answer, 503)
    assert folder not in str(said)
    assert int(answer.headers["retry-after"]) > 0


async def test_the_api_sends_the_headers_of_the_pages(app: FastAPI) -> None:
    answer: httpx.Response = await client(app).get("/me")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
