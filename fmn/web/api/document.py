"""The OpenAPI document: what each operation takes, gives, and how it may fail.

What follows from an operation's own shape (who needs a token may get a 401, what has a body may
be too large) is said here once, for all of them.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from fmn.rules.filter import Filter
from fmn.web.api.bodies import JSON
from fmn.web.api.problems import MEDIA, Problem
from fmn.web.api.shapes import history, people, preferences
from fmn.web.destinations.giving import offers
from fmn.web.parts import Parts

Documented = dict[str, Any]
Responses = dict[int | str, Documented]

REF = "#/components/schemas/{model}"
MUST = "x-must"
"""In the schema of a header: without it the answer is 428."""

FAILURES = {
    400: "The address holds a character that cannot be.",
    401: "There is no token, or it does not work.",
    403: "The token lacks a scope.",
    404: "There is no such thing, or it is somebody else's.",
    412: "It was changed in between: look at it again.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "Something that was sent is wrong; the fields are named.",
    428: "`If-Match` is missing.",
    429: "That was too often.",
    500: "A fault of ours.",
    503: "A service is away.",
}
HEADERS = {401: "WWW-Authenticate", 403: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def gives(  # noqa: PLR0913  # what there is to say of an answer
    status: int,
    what: str,
    shape: type[BaseModel] | None = None,
    *,
    media: str = JSON,
    headers: Mapping[str, str] | None = None,
    example: object = None,
) -> Responses:
    """Return the documentation of an answer that did what was asked."""
    said: Documented = {"description": what}
    if shape:
        said["content"] = {media: _content(shape, example)}
    if headers:
        said["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return {status: said}


def takes(shape: type[BaseModel], example: object, *, media: str = JSON) -> Documented:
    """Return the documentation of a body."""
    return {"requestBody": {"required": True, "content": {media: _content(shape, example)}}}


def fails(*statuses: int) -> Responses:
    """Return the documentation of problems."""
    return {status: _problem(status) for status in statuses}


class Api(FastAPI):
    """An application whose document says all of this."""

    def openapi(self) -> Documented:
        """Return the document, made once."""
        if not self.openapi_schema:
            document = super().openapi()
            document["components"]["schemas"] = _schemas(self.state.parts)
            for operation in _operations(document):
                _complete(operation)
        return self.openapi_schema or {}


def _content(shape: type[BaseModel], example: object) -> Documented:
    schema = {"schema": {"$ref": REF.format(model=shape.__name__)}}
    return schema if example is None else schema | {"example": example}


def _problem(status: int) -> Documented:
    example = Problem(status, FAILURES[status]).said
    said = gives(status, FAILURES[status], people.Problem, media=MEDIA, example=example)[status]
    if name := HEADERS.get(status):
        said["headers"] = {name: {"schema": {"type": "string"}}}
    return said


def _operations(document: Documented) -> Iterator[Documented]:
    for path in document["paths"].values():
        yield from path.values()


def _complete(operation: Documented) -> None:
    parameters = operation.get("parameters", [])
    for parameter in parameters:
        _plain(parameter)
    within = {parameter["in"] for parameter in parameters}
    body = "requestBody" in operation
    marks = [each for each in parameters if each["name"] == "If-Match"]
    there = {
        **fails(400, 401, 403, 500, 503),
        **(fails(422) if parameters or body else {}),
        **(fails(404) if "path" in within else {}),
        **(fails(413, 415) if body else {}),
        **(fails(412) if marks else {}),
        **(fails(428) if any(each["required"] for each in marks) else {}),
    }
    said = {str(status): what for status, what in there.items()}
    operation["responses"] = dict(sorted((operation["responses"] | said).items()))


def _plain(parameter: Documented) -> None:
    # A parameter cannot be null; it is there or it is not.
    schema = parameter["schema"]
    kinds = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    for kind in kinds:
        schema |= kind
    parameter["required"] = schema.pop(MUST, parameter["required"])


def _schemas(parts: Parts) -> Documented:
    shapes = [shape for each in (history, people, preferences) for shape in _shapes(each)]
    _, found = models_json_schema([(each, "validation") for each in shapes], ref_template=REF)
    schemas: Documented = found["$defs"]
    for kind, filter_ in sorted(parts.filters.items()):
        schemas |= _filter(kind, filter_)
    schemas["Filter"] = _one_of(parts.filters)
    schemas["SenderKind"] = _sender_kind(parts)
    return schemas


def _sender_kind(parts: Parts) -> Documented:
    forms = (
        f"* `{offer.kind}`, {offer.form.title}: "
        + ", ".join(f"`{field.name}`" for field in offer.form.fields)
        for offer in offers(parts)
    )
    said = "\n".join(("How an address is given: by the fields of a form.", "", *forms))
    return {"type": "string", "enum": sorted(parts.kinds), "description": said}


def _shapes(module: ModuleType) -> Iterator[type[BaseModel]]:
    for each in vars(module).values():
        mine = isinstance(each, type) and each.__module__ == module.__name__
        if mine and each.model_fields and "[" not in each.__name__:
            yield each


def _filter(kind: str, filter_: type[Filter]) -> Documented:
    schema = filter_.model_json_schema(ref_template=REF)
    rest: Documented = schema.pop("$defs", {})
    schema["properties"] = {"kind": {"const": kind, "type": "string"}} | schema["properties"]
    schema["required"] = ["kind", *schema.get("required", [])]
    return rest | {_name(kind): schema}


def _one_of(kinds: Mapping[str, type[Filter]]) -> Documented:
    refs = {kind: REF.format(model=_name(kind)) for kind in sorted(kinds)}
    return {
        "description": "One yes/no question about a message; which arguments it has says its kind.",
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "kind", "mapping": refs},
    }


def _name(kind: str) -> str:
    return f"{kind.title()}Filter"
