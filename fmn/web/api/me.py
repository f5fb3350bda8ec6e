"""`/me`: whose token it is."""

from fastapi import APIRouter
from starlette.responses import Response

from fmn.web.api.bodies import Json
from fmn.web.api.caller import Reader
from fmn.web.api.document import gives
from fmn.web.api.shapes import people
from fmn.web.sessions import Here

router = APIRouter(tags=["me"], default_response_class=Response)


@router.get("/me", summary="Who am I?", responses=gives(200, "You, and your token.", people.Me))
async def me(viewer: Reader, parts: Here) -> Response:
    """Return whose token it is, and what it may do."""
    token = viewer.token
    return Json(
        {
            "name": viewer.name,
            "time_zone": viewer.account.time_zone,
            "created": viewer.account.created,
            "groups": sorted(parts.directory.groups_of(viewer.name)),
            "token": {
                "name": token.name,
                "scopes": sorted(token.scopes),
                "created": token.created,
                "expires": token.expires,
            },
        }
    )
