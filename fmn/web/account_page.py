"""The account page, to which several forms lead back when something is wrong with them."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from fmn.model import Destination, DestinationState
from fmn.storage.engine import reading
from fmn.storage.tokens import tokens_of
from fmn.web.destinations.pausing import EVERYTHING, LENGTHS
from fmn.web.mine import preferences_of
from fmn.web.sessions import Viewer, parts_of
from fmn.web.showing import show
from fmn.web.zones import offered

FIELDS = ("yaml", "token", "scope", "days")


async def account_page(
    request: Request,
    viewer: Viewer,
    *,
    problem: tuple[str, str] | None = None,
    typed: dict[str, str] | None = None,
    secret: str = "",
) -> Response:
    """Return the page; with a problem of one field, or with a new token to be shown once."""
    parts, now = parts_of(request), parts_of(request).now()
    mine = await preferences_of(parts, viewer)
    async with reading(parts.engine) as connection:
        tokens = await tokens_of(connection, viewer.account.id, "api")
    states = [(each, each.state_at(now)) for each in mine.destinations]
    shown: dict[str, Any] = {
        "problem": problem,
        "typed": dict.fromkeys(FIELDS, "")
        | {"time_zone": viewer.account.time_zone}
        | (typed or {}),
        "secret": secret,
        "tokens": tokens,
        "zones": offered(),
        "lengths": {word: said for word, (said, _) in LENGTHS.items()},
        "may_pause": any(state is DestinationState.ACTIVE for _, state in states),
        "paused": [each for each, state in states if _is_paused(each, state)],
    }
    status = 422 if problem else 200
    return show(request, "account.html", viewer=viewer, status=status, **shown)


def _is_paused(each: Destination, state: DestinationState) -> bool:
    return state is DestinationState.PAUSED and each.reason == EVERYTHING
