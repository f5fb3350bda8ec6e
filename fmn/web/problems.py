"""What goes wrong, as a page: what happened, and what to do. Below `/api/` as a problem."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fmn.errors import FmnError, PreferencesError, Unavailable
from fmn.links import BadLink
from fmn.preferences.edits import Changed, NotThere
from fmn.web.api.problems import Problem
from fmn.web.editor.turns import TooOften
from fmn.web.login import LoginFailed, login_address
from fmn.web.sessions import NotAllowed, NotSignedIn, Viewer, visitor
from fmn.web.showing import go, show

TITLES = {
    400: "That cannot be done",
    403: "Not allowed",
    404: "There is nothing here",
    405: "That cannot be done here",
    409: "It was changed in between",
    410: "This link does not work any more",
    413: "That is too much",
    429: "That was too often",
    500: "Something is broken here",
    503: "Something is away",
}
STATUS: dict[type[Exception], int] = {
    NotAllowed: 403,
    NotThere: 404,
    Changed: 409,
    PreferencesError: 400,
    BadLink: 410,
    TooOften: 429,
}
"""Of those whose own words are the answer."""
WORDS = {
    404: "The address is wrong, or what was here is gone.",
    405: "Go to the page itself and try again.",
    500: "It is not your fault. It is in the log, and an operator can find it there.",
    503: "A service that fmn needs does not answer. Try again in a minute.",
}

_log = structlog.get_logger()


def answer_problems(app: FastAPI) -> None:
    """Make every error of the pages a page."""
    for kind in STATUS:
        app.add_exception_handler(kind, _in_its_words)
    app.add_exception_handler(NotSignedIn, _to_login)
    app.add_exception_handler(LoginFailed, _login_failed)
    app.add_exception_handler(HTTPException, _no_such_page)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(Unavailable, _away)
    app.add_exception_handler(ClientDisconnect, _gone)


def refusal(request: Request, status: int, why: str, viewer: Viewer | None = None) -> Response:
    """Return the answer to what is refused, in the form that the path asks for."""
    if request.url.path.startswith("/api/"):
        return Problem(status, why).answer
    title = TITLES.get(status, TITLES[400])
    words = why[:1].upper() + why[1:]
    again = request.method == "GET" and status in {429, 503}
    values: dict[str, Any] = {"title": title, "why": words, "again": again}
    return show(request, "problem.html", viewer=viewer, status=status, **values)


def broken(request: Request, error: Exception) -> Response:
    """Return the answer to a fault of ours, without a word of it; the log has them all."""
    _log.error("broken", path=request.url.path, method=request.method, exc_info=error)
    return refusal(request, 500, WORDS[500])


async def _in_its_words(request: Request, error: Exception) -> Response:
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    return refusal(request, status, str(error), await _viewer(request))


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # that is what it was asked to answer
    said = WORDS.get(error.status_code, str(error.detail))
    answer = refusal(request, error.status_code, said, await _viewer(request))
    answer.headers.update(error.headers or {})
    return answer


async def _misread(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"][1:]))
    return refusal(request, 400, f"the value of {field}: {first['msg']}", await _viewer(request))


async def _away(request: Request, error: Exception) -> Response:
    # Its words name servers: they are for operators.
    _log.warning("a service is away", path=request.url.path, reason=str(error))
    return refusal(request, 503, WORDS[503])


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # for the log of a proxy: nobody is there to read it


async def _to_login(request: Request, _: Exception) -> Response:
    # What was to be posted is lost, so there is nothing to come back to.
    wanted = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return go(login_address(f"{wanted}{query}"))


async def _login_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, LoginFailed)  # noqa: S101  # as above
    _log.warning("a login failed", reason=error.reason, details=error.details)
    return show(
        request, "login.html", viewer=None, status=error.status, why=error.reason, onward="/"
    )


async def _viewer(request: Request) -> Viewer | None:
    try:
        return await visitor(request)
    except FmnError:
        return None
