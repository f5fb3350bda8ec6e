"""The application: pages, API, static files, and how each error is answered."""

from importlib import import_module

from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from fmn.kinds import kinds
from fmn.web import oidc
from fmn.web.api.mount import add_api
from fmn.web.editor.turns import Turns
from fmn.web.parts import Parts
from fmn.web.problems import answer_problems, broken
from fmn.web.safety import Bounded, Safe, headers_for


def create_app(parts: Parts) -> FastAPI:
    """Return the pages and the API, made of these parts.

    How people sign in is checked by `fmn.web.login.check_login`, which must be asked before.
    """
    app = FastAPI(
        title="fmn",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A redirect would name the host that the request named, which may be anybody's.
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.turns = Turns(parts.queues)
    for module in kinds("fmn.web.pages").values():
        router: APIRouter = import_module(module).router
        app.include_router(router, include_in_schema=False)
    add_api(app)
    app.mount("/static", StaticFiles(packages=[("fmn.web", "static")]), "static")
    answer_problems(app)
    _add_login(app, parts)
    app.add_middleware(Bounded)
    app.add_middleware(Safe, parts=parts)  # the outermost: its headers are on every answer
    return app


def _add_login(app: FastAPI, parts: Parts) -> None:
    settings = parts.settings
    remote = settings.login == "oidc" and settings.oidc_url and settings.secret
    app.state.provider = oidc.Provider(settings) if remote else None
    if remote:
        app.add_middleware(
            SessionMiddleware,
            secret_key=oidc.cookie_key(settings),
            session_cookie=oidc.COOKIE,
            max_age=oidc.LIFETIME,
            path="/login",
            https_only=parts.secure,
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        # Outside of all middleware: the headers are to be put here.
        answer = broken(request, error)
        answer.headers.update(headers_for(parts, request.scope, answer.status_code))
        return answer

    app.add_exception_handler(Exception, unexpected)
