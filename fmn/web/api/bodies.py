"""Bodies that come in and go out: JSON with exact numbers, YAML, marks of what was read."""

import re
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from fmn.exact import exact_json
from fmn.web.api.problems import Problem, refused

LARGEST = 1024 * 1024
"""Bytes of a body."""
JSON = "application/json"
YAML = "application/yaml"

Written = dict[str, Any]
"""A JSON object, as it came."""


class Json(Response):
    """JSON in which numbers stand as they were written."""

    media_type = JSON

    def render(self, content: object) -> bytes:
        """Return the bytes of it."""
        return msgspec.json.Encoder(decimal_format="number").encode(content)


async def json_of(request: Request) -> Written:
    """Read a JSON object. Raises Problem."""
    body = await _read(request, JSON)
    try:
        written = exact_json(body)
        msgspec.json.encode(written)  # half of a surrogate pair cannot be written again
    except (ValueError, RecursionError, UnicodeError) as failed:
        raise refused("", f"not JSON: {failed}") from None
    if not isinstance(written, dict):
        raise refused("", "expected an object")
    return written


async def yaml_of(request: Request) -> str:
    """Read text that shall be YAML. Raises Problem."""
    try:
        return (await _read(request, YAML)).decode()
    except UnicodeDecodeError as failed:
        raise refused("", f"not UTF-8: {failed}") from None


async def _read(request: Request, media: str) -> bytes:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != media:
        raise Problem(415, f"expected a body of {media}", headers={"Accept": media})
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Problem(413, f"expected at most {LARGEST} bytes")
    return body


Matches = Callable[[str], bool]
"""Tells whether a mark is one of those that the caller knows."""


def matching(if_match: str | None) -> Matches:
    """Return which marks `If-Match` lets pass; all of them where there is none."""
    if if_match is None or if_match.strip() == "*":
        return lambda _: True
    known: Collection[str] = re.findall(r'(?<!W/)"([^"]*)"', if_match)
    return lambda etag: etag in known


def required(if_match: str | None) -> Matches:
    """Like `matching`, but who does not say what was seen is refused."""
    if if_match is None:
        raise Problem(428, "say with `If-Match` which state you saw: its ETag, or * for any")
    return matching(if_match)
