"""The OpenID provider as our client sees it: the only place where Authlib is spoken.

Code flow with PKCE (S256), nonce and state. What is under way lives for a few minutes in a
signed cookie of its own, which only the pages below `/login` get.
"""

import hmac
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # it has no types
from fastapi import Request
from joserfc.errors import JoseError
from starlette.responses import Response

from fmn.config import Web
from fmn.web.login import LoginFailed

CALLBACK = "/login/callback"
COOKIE = "fmn-login"
LIFETIME = 600
"""Seconds from leaving for the provider to coming back."""
PATIENCE = 10.0
"""Seconds for one answer of the provider."""
ODD = "the provider does not answer as it should: try again in a minute, or tell the operators"
ELSEWHERE = "this login was begun in another window, or too long ago"

Claims = Mapping[str, Any]


def cookie_key(settings: Web) -> str:
    """Return what signs the cookie of a login under way; nothing else is signed with it."""
    secret = settings.secret.get_secret_value().encode()
    return hmac.digest(secret, b"fmn login", "sha256").hex()


class Provider:
    """Where people prove who they are."""

    def __init__(self, settings: Web) -> None:
        self._back = f"{settings.url}{CALLBACK}"
        self._client = _client(settings)

    async def leave(self, request: Request) -> Response:
        """Return the way to the provider. Raises LoginFailed."""
        with _translated():
            way: Response = await self._client.authorize_redirect(request, self._back)
        return way

    async def claims(self, request: Request) -> Claims:
        """Return what the provider says of whoever comes back from it. Raises LoginFailed."""
        with _translated():
            token = await self._client.authorize_access_token(request)
            proven = token.get("userinfo")
            if not proven or not proven.get("sub"):
                raise LoginFailed(ODD, status=502, details="no ID token")
            more = await self._more(token)
            if more and more.get("sub") != proven["sub"]:
                raise LoginFailed(ODD, status=502, details="userinfo is of somebody else")
        return {**more, **proven}

    async def _more(self, token: Mapping[str, Any]) -> Claims:
        known = await self._client.load_server_metadata()
        if not known.get("userinfo_endpoint"):
            return {}
        more: Claims = await self._client.userinfo(token=token)
        return more


def _client(settings: Web) -> Any:  # noqa: ANN401  # Authlib has no types
    # Authlib warns at its import that it wants another HTTP library.
    with warnings.catch_warnings(record=True):
        from authlib.integrations.starlette_client import (  # type: ignore[import-untyped]  # noqa: PLC0415  # see above
            OAuth,
        )
    scopes = dict.fromkeys(("openid", *settings.oidc_scopes))
    return OAuth().register(
        "provider",
        client_id=settings.oidc_client,
        client_secret=settings.oidc_secret.get_secret_value() or None,
        server_metadata_url=f"{settings.oidc_url.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": " ".join(scopes),
            "code_challenge_method": "S256",
            "timeout": PATIENCE,
        },
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except AuthlibBaseError as failed:
        raise _refused(str(failed.error or ""), str(failed)) from failed
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        details = f"{type(failed).__name__} {failed}"
        raise LoginFailed(
            "the provider is away: try again in a minute", status=503, details=details
        ) from failed
    except (JoseError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as failed:
        # It answers with something that is not OpenID Connect, or with a token that is not good.
        details = f"{type(failed).__name__} {failed}"
        raise LoginFailed(ODD, status=502, details=details) from failed


def _refused(code: str, details: str) -> LoginFailed:
    if code == "mismatching_state":
        return LoginFailed(ELSEWHERE, details=details)
    if code == "access_denied":
        return LoginFailed("the provider was told not to sign you in", status=403, details=details)
    # Anybody can write the words in this address, so only a short code of them is shown.
    shown = code if re.fullmatch("[a-z_]{1,40}", code) else "an unknown error"
    return LoginFailed(f"the provider says: {shown}", status=502, details=details)
