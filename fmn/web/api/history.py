"""`/deliveries`, `/explain`, `/seen`: what reached one and why, and which values there are."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fmn.preferences.edits import NotThere
from fmn.rules.access import Field
from fmn.storage import lookback
from fmn.storage.candidates import seen
from fmn.storage.engine import reading
from fmn.web.api.bodies import Json
from fmn.web.api.caller import Reader
from fmn.web.api.document import fails, gives
from fmn.web.api.paging import LINK, MOST, PRINTED, USUAL, Limit, Printed, link, mark, place_of
from fmn.web.api.shapes import history
from fmn.web.api.written import delivery_json
from fmn.web.editor.turns import InTurn
from fmn.web.history.why import why
from fmn.web.sessions import Here

CURSOR = "`next` of the page before."

router = APIRouter(tags=["history"], default_response_class=Response)


@router.get(
    "/deliveries",
    summary="What reached you",
    responses=gives(200, "One page of it.", history.Deliveries, headers=LINK),
)
async def deliveries(
    viewer: Reader,
    parts: Here,
    request: Request,
    limit: Limit = USUAL,
    after: Annotated[str | None, Query(max_length=1000, description=CURSOR)] = None,
) -> Response:
    """Return what became of your notifications, the newest first, in pages."""
    before = place_of(after) if after else None
    async with reading(parts.engine) as connection:
        found = await lookback.reached(
            connection, viewer.account.id, before=before, limit=limit + 1
        )
    page = found[:limit]
    following = mark((page[-1].at, page[-1].key)) if len(found) > limit else None
    said = {"deliveries": [delivery_json(each) for each in page], "next": following}
    return Json(said, headers=link(request, after=following))


@router.get(
    "/explain",
    summary="Why, and why not",
    responses=gives(200, "Each rule and each filter.", history.Why) | fails(404, 429),
)
async def explain(
    viewer: Reader,
    parts: Here,
    turns: InTurn,
    message: Annotated[
        str, Query(min_length=1, max_length=2000, pattern=PRINTED, description="Its id or URL.")
    ],
    by: Annotated[
        Literal["then", "now"], Query(description="The preferences in force then, or now.")
    ] = "then",
) -> Response:
    """Say why you got a message, and why not: what decided, and where a delivery stopped."""
    async with turns.take(viewer.name):
        found = await why(parts, viewer.name, message, now=by == "now")
    if found is None:
        raise NotThere(message)
    return Json(found.as_json())


@router.get(
    "/seen",
    summary="Which values are there?",
    responses=gives(200, "Values, the most frequent first.", history.Values),
)
async def values(
    _: Reader,
    parts: Here,
    field: Annotated[Field, Query(description="What part of a message.")],
    containing: Printed = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 20,
) -> Response:
    """Return values of public messages, to choose from when a rule is written."""
    async with reading(parts.engine) as connection:
        found = await seen(connection, field, containing=containing, limit=limit)
    return Json({"values": [{"value": one.value, "messages": one.messages} for one in found]})
