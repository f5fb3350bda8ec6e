"""API tokens: for programs that act for somebody; each is shown once, and can be revoked."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.errors import FieldError
from fmn.preferences.edits import NotThere
from fmn.preferences.written import refusal
from fmn.storage.engine import writing
from fmn.storage.tokens import issue, revoke, tokens_of
from fmn.web.account_page import account_page
from fmn.web.forms import Form, Posted
from fmn.web.parts import Parts
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go

MOST = 20
"""Tokens of one user."""
LONGEST = 100
"""Characters of a token's name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a token may do, as its form offers it."""

    scopes: frozenset[str]
    days: int = 365
    """For how long it may work at most."""


CHOICES = {
    "read": Choice(frozenset({"read"})),
    "write": Choice(frozenset({"read", "write"})),
}
# It goes on when its owner is no operator any more: nobody tells us that before the next login.
OPERATORS = CHOICES | {"admin": Choice(frozenset({"read", "admin"}), days=30)}

router = APIRouter(prefix="/account/tokens")


@router.post("")
async def make(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Make a token and show it, this once."""
    try:
        secret = await _made(parts_of(request), viewer, form)
    except FieldError as refused:
        problem = (str(refused.path[-1]), refused.expected)
        typed = {field: form.one(field)[:LONGEST] for field in ("token", "scope", "days")}
        return await account_page(request, viewer, problem=problem, typed=typed)
    return await account_page(request, viewer, secret=secret)


@router.post("/{id_}/revoke")
async def take_back(parts: Here, viewer: SignedIn, _: Posted, id_: str) -> Response:
    """Make a token work no more."""
    async with writing(parts.engine) as connection:
        was_there = await revoke(connection, viewer.account.id, id_)
    if not was_there:
        raise NotThere("token")
    return go("/account", "revoked")


async def _made(parts: Parts, viewer: Viewer, form: Form) -> str:
    name, scope, days = form.one("token"), form.one("scope"), form.one("days")
    if not 1 <= len(name) <= LONGEST or not name.isprintable():
        raise refusal("", ("token",), f"expected a name of at most {LONGEST} characters")
    choices = OPERATORS if viewer.is_admin else CHOICES
    if scope not in choices:
        raise refusal("", ("scope",), f"expected one of {', '.join(choices)}")
    choice = choices[scope]
    expires = parts.now() + _lifetime(days, choice.days)
    user = viewer.account.id
    async with writing(parts.engine) as connection:
        if len(await tokens_of(connection, user, "api")) >= MOST:
            raise refusal("", ("token",), f"there are {MOST} tokens already: revoke one first")
        return await issue(
            connection, user, "api", name=name, scopes=choice.scopes, expires=expires
        )


def _lifetime(typed: str, most: int) -> timedelta:
    # Of decimals only ASCII ones, and few enough to count.
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= len(str(most))
    if not is_number or not 1 <= int(typed) <= most:
        raise refusal("", ("days",), f"expected a number of days, 1 to {most}")
    return timedelta(days=int(typed))
