"""Who calls the API: a token in the header, and what it may do."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from fmn.storage.accounts import account_by_id
from fmn.storage.engine import reading
from fmn.storage.tokens import present
from fmn.web.api.problems import Problem
from fmn.web.sessions import Viewer, parts_of, touch

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="An API token, made on the account page. Its scopes: `read`, `write`, `admin`.",
)


async def calling(
    request: Request,
    needed: SecurityScopes,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
) -> Viewer:
    """Return whose token is in the header, if it has the scope that is needed."""
    if given is None:
        raise _nobody("send an API token: `Authorization: Bearer …`", "")
    parts = parts_of(request)
    async with reading(parts.engine) as connection:
        token = await present(connection, given.credentials, "api")
        account = token and await account_by_id(connection, token.user)
    if not token or not account:
        raise _nobody("this token does not work, or not any more", ', error="invalid_token"')
    if missing := [scope for scope in needed.scopes if scope not in token.scopes]:
        raise _not_allowed(missing[0])
    await touch(parts, token)
    return Viewer(account, token, csrf="")


def _nobody(detail: str, error: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="fmn"{error}'})


def _not_allowed(scope: str) -> Problem:
    told = f'Bearer realm="fmn", error="insufficient_scope", scope="{scope}"'
    detail = f"this token lacks the scope `{scope}`"
    return Problem(403, detail, headers={"WWW-Authenticate": told})


Reader = Annotated[Viewer, Security(calling, scopes=["read"])]
Writer = Annotated[Viewer, Security(calling, scopes=["write"])]
Operator = Annotated[Viewer, Security(calling, scopes=["admin"])]
