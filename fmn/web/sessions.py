"""Who is looking: sessions of people in a cookie, tokens of programs in a header.

A page asks for a `Viewer` and gets one or the visitor goes to sign in. What a viewer may do is in
the scopes: `read`, `write`, and `admin` for operators.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from starlette.responses import Response

from fmn.model import UserId
from fmn.storage.accounts import Account, account_by_id
from fmn.storage.engine import reading, writing
from fmn.storage.tokens import Token, issue, note_use, present
from fmn.web.parts import Parts

COOKIE = "fmn-session"
"""Of the session; by https with a prefix that browsers take from this very site only."""
USED = timedelta(minutes=5)
"""How exact it is when a token was last used: one write in so long."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in."""

    account: Account
    token: Token
    csrf: str
    """Stands in every form of this session, and in nobody else's."""

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def is_admin(self) -> bool:
        return "admin" in self.token.scopes


class NotSignedIn(Exception):
    """Answered by the way to the login."""


class NotAllowed(Exception):
    """Answered by 403 and why."""


def cookie_name(parts: Parts) -> str:
    """Return what the cookie of a session is called here."""
    return f"__Host-{COOKIE}" if parts.secure else COOKIE


def keep(answer: Response, parts: Parts, secret: str) -> None:
    """Give the browser the secret of a session."""
    lifetime = int(parts.settings.sessions.total_seconds())
    answer.set_cookie(cookie_name(parts), secret, lifetime, **_shape(parts))


def forget(answer: Response, parts: Parts) -> None:
    """Take the secret of a session from the browser."""
    answer.delete_cookie(cookie_name(parts), **_shape(parts))


def parts_of(request: Request) -> Parts:
    """Return what the application is made of."""
    return cast(Parts, request.app.state.parts)


async def start(parts: Parts, user: UserId, *, admin: bool) -> str:
    """Start a session of this user; return its secret, which belongs into a cookie."""
    scopes = frozenset({"read", "write"} | ({"admin"} if admin else set()))
    expires = parts.now() + parts.settings.sessions
    async with writing(parts.engine) as connection:
        return await issue(connection, user, "session", scopes=scopes, expires=expires)


async def viewer_of(parts: Parts, secret: str) -> Viewer | None:
    """Return whose session this is."""
    async with reading(parts.engine) as connection:
        token = await present(connection, secret, "session")
        account = token and await account_by_id(connection, token.user)
    if not token or not account:
        return None
    await touch(parts, token)
    return Viewer(account, token, csrf_of(secret))


async def touch(parts: Parts, token: Token) -> None:
    """Note that a token was used, unless that was noted just now."""
    if token.used is None or parts.now() - token.used > USED:
        async with writing(parts.engine) as connection:
            await note_use(connection, token)


def csrf_of(secret: str) -> str:
    """Return what forms of this session carry: it proves that they are ours."""
    return hmac.digest(secret.encode(), b"fmn csrf", hashlib.sha256).hex()


async def visitor(request: Request) -> Viewer | None:
    """Return who is signed in, if anybody is."""
    parts = parts_of(request)
    secret = request.cookies.get(cookie_name(parts))
    return await viewer_of(parts, secret) if secret else None


async def signed_in(viewer: Annotated[Viewer | None, Depends(visitor)]) -> Viewer:
    """Return who is signed in, or send the visitor there."""
    if viewer is None:
        raise NotSignedIn
    return viewer


async def operator(viewer: Annotated[Viewer, Depends(signed_in)]) -> Viewer:
    """Return the operator who is signed in."""
    if not viewer.is_admin:
        raise NotAllowed("only operators may see this")
    return viewer


def _shape(parts: Parts) -> Any:  # noqa: ANN401  # arguments of set_cookie
    return {"path": "/", "secure": parts.secure, "httponly": True, "samesite": "lax"}


Here = Annotated[Parts, Depends(parts_of)]
Visitor = Annotated[Viewer | None, Depends(visitor)]
SignedIn = Annotated[Viewer, Depends(signed_in)]
Operator = Annotated[Viewer, Depends(operator)]
