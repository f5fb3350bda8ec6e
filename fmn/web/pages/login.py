"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from fmn.preferences.edits import NotThere
from fmn.storage.engine import writing
from fmn.storage.tokens import revoke
from fmn.web.forms import Posted, read_form
from fmn.web.login import (
    LoginFailed,
    Person,
    admit,
    check_tries,
    is_loopback,
    person_of,
    same_site,
)
from fmn.web.oidc import CALLBACK, Provider
from fmn.web.parts import Parts
from fmn.web.sessions import Here, NotAllowed, SignedIn, Visitor, forget, keep
from fmn.web.showing import go, show

router = APIRouter()
Next = Annotated[str, Query(alias="next")]


@router.get("/login")
async def login_page(
    request: Request, parts: Here, viewer: Visitor, onward: Next = "/"
) -> Response:
    """Show how to sign in; where there is only one person, sign in, unless just signed out."""
    if viewer:
        return go(same_site(onward))
    if parts.settings.login == "local" and "said" not in request.query_params:
        return await _let_in_the_one(request, parts, viewer, onward)
    return show(request, "login.html", viewer=None, onward=same_site(onward), why="")


@router.post("/login")
async def login_locally(request: Request, parts: Here, viewer: Visitor) -> Response:
    """Sign in the one user of a local login."""
    if parts.settings.login != "local":
        raise NotThere
    form = await read_form(request)
    return await _let_in_the_one(request, parts, viewer, form.one("next"))


@router.get("/login/start")
async def start_login(request: Request, parts: Here, onward: Next = "/") -> Response:
    """Go to the provider; a link and no form, because it may send people on to other sites."""
    await check_tries(parts, _address(request))
    provider = _provider(request)
    way = await provider.leave(request)
    request.session["next"] = same_site(onward)
    return way


@router.get(CALLBACK)
async def come_back(request: Request, parts: Here, viewer: Visitor) -> Response:
    """Sign in whoever comes back from the provider."""
    await check_tries(parts, _address(request))
    provider = _provider(request)
    onward = request.session.get("next", "/")
    try:
        claims = await provider.claims(request)
    finally:
        request.session.clear()
    return await _let_in(parts, viewer, person_of(claims, parts.settings), onward)


@router.post("/logout")
async def logout(parts: Here, viewer: SignedIn, _: Posted) -> Response:
    """End this session."""
    await _end(parts, viewer)
    answer = go("/login", "signed-out")
    forget(answer, parts)
    return answer


async def _let_in_the_one(request: Request, parts: Parts, viewer: Visitor, onward: str) -> Response:
    _check_host(request)
    return await _let_in(parts, viewer, Person(parts.settings.user, is_admin=True), onward)


async def _let_in(parts: Parts, viewer: Visitor, person: Person, onward: str) -> Response:
    # Never the old session again: somebody may have put it there.
    secret = await admit(parts, person)
    if viewer:
        await _end(parts, viewer)
    answer = RedirectResponse(same_site(onward), 303)
    keep(answer, parts, secret)
    return answer


async def _end(parts: Parts, viewer: SignedIn) -> None:
    async with writing(parts.engine) as connection:
        await revoke(connection, viewer.account.id, viewer.token.id)


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise LoginFailed("signing in is not set up here: tell the operators", status=503)
    return provider


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _check_host(request: Request) -> None:
    # Else a foreign site whose name leads to this machine could sign itself in.
    host = request.url.hostname or ""
    if not is_loopback(host):
        raise NotAllowed(f"{host} is not a name of this site: go to http://localhost")
