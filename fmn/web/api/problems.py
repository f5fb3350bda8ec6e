"""What the API answers when it does not do what it was asked: problem details, RFC 9457."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fmn.errors import FieldError, FmnError, PreferencesError, Unavailable
from fmn.preferences.edits import Changed, NotThere
from fmn.web.editor.turns import WITHIN, TooOften

MEDIA = "application/problem+json"
STATUS: dict[type[FmnError], int] = {
    NotThere: 404,
    Changed: 412,
    PreferencesError: 422,
}
AWAY = 5
"""Seconds after which to ask again when a service is away."""

_log = structlog.get_logger()

Fault = dict[str, str]
"""`field` and `message`: what is wrong with one of the things that were sent."""


class Problem(Exception):
    """Ends a request with this answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    @property
    def said(self) -> dict[str, Any]:
        """Return what stands in the answer."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "errors": list(self.errors),
        }

    @property
    def answer(self) -> Response:
        """Return it as it goes out."""
        body = msgspec.json.encode(self.said)
        return Response(body, self.status, headers=self.headers, media_type=MEDIA)


def refused(field: str, message: str) -> Problem:
    """Return the answer to one field that is wrong."""
    detail = f"{field}: {message}" if field else message
    return Problem(422, detail, errors=[{"field": field, "message": message}])


def busy(what: str, wait: timedelta) -> Problem:
    """Return the answer to who asks too often."""
    headers = {"Retry-After": str(int(wait.total_seconds()))}
    return Problem(429, f"{what}: that was too often", headers=headers)


def away() -> Problem:
    """Return the answer where a service is away."""
    detail = "a service is away: try again soon"
    return Problem(503, detail, headers={"Retry-After": str(AWAY)})


def answer_problems(api: FastAPI) -> None:
    """Make every error of this application a problem."""
    for kind, answer in {
        Problem: _raised,
        HTTPException: _http,
        RequestValidationError: _invalid,
        FmnError: _said,
        TooOften: _too_often,
        Unavailable: _away,
        Exception: _broken,
    }.items():
        api.add_exception_handler(kind, answer)


async def _raised(_: Request, problem: Exception) -> Response:
    return cast(Problem, problem).answer


async def _http(request: Request, error: Exception) -> Response:
    failed = cast(HTTPException, error)
    details = {404: "there is nothing at this address", 405: "this cannot be done here"}
    headers = dict(failed.headers or {})
    if failed.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request))}
    detail = details.get(failed.status_code, str(failed.detail))
    return Problem(failed.status_code, detail, headers=headers).answer


def _methods(request: Request) -> list[str]:
    route = request.scope.get("route")
    said = request.app.openapi()["paths"].get(getattr(route, "path_format", None))
    return [method.upper() for method in said or getattr(route, "methods", ())]


async def _invalid(_: Request, error: Exception) -> Response:
    found = cast(RequestValidationError, error).errors()
    faults = [
        {"field": ".".join(map(str, each["loc"][1:])), "message": _expected(each["msg"])}
        for each in found
    ]
    first = faults[0]
    return Problem(422, f"{first['field']}: {first['message']}", errors=faults).answer


def _expected(said: str) -> str:
    return said.removeprefix("Value error, ").replace("Input should be", "expected")


async def _said(_: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    return Problem(status, str(error), errors=_faults(error)).answer


def _faults(error: Exception) -> list[Fault]:
    if isinstance(error, FieldError):
        return [{"field": _named(error.path), "message": error.expected}]
    return []


def _named(path: Sequence[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


async def _away(request: Request, error: Exception) -> Response:
    # Its words name servers: they are for operators.
    _log.warning("a service is away", path=request.url.path, reason=str(error))
    return away().answer


async def _too_often(_: Request, __: Exception) -> Response:
    return busy("judging messages", WITHIN).answer


async def _broken(request: Request, error: Exception) -> Response:
    _log.error("broken", path=request.url.path, method=request.method, exc_info=error)
    return Problem(500, "this is a fault of ours, and is in the log").answer
