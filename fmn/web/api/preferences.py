"""`/preferences`: all of one's rules and destinations as one text, out and in."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from fmn.preferences.values import Preferences
from fmn.web.api.bodies import YAML, Json, matching, yaml_of
from fmn.web.api.caller import Reader, Writer
from fmn.web.api.document import gives, takes
from fmn.web.api.shapes import preferences
from fmn.web.importing import bring, check_seen, difference, mark_of, propose, read, write
from fmn.web.mine import preferences_of
from fmn.web.sessions import Here

ETAG = {"ETag": "A mark of this text, for `If-Match`."}
EXAMPLE = {
    "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
    "rules": [
        {
            "name": "My packages",
            "filters": [{"kind": "owner", "users": ["me"]}],
            "destinations": ["email"],
        }
    ],
}

router = APIRouter(prefix="/preferences", tags=["preferences"], default_response_class=Response)


@router.get(
    "",
    summary="Export",
    responses=gives(
        200, "YAML.", preferences.PreferencesBody, media=YAML, headers=ETAG, example=EXAMPLE
    ),
)
async def export(viewer: Reader, parts: Here) -> Response:
    """Return all of your rules and destinations as YAML, the form `fmn rules import` reads.

    Addresses stand in it in full, with what is secret in them; what is confirmed is left out.
    """
    mine = await preferences_of(parts, viewer)
    return Response(await write(mine), headers=_etag(mine), media_type=YAML)


@router.put(
    "",
    summary="Import",
    responses=gives(200, "What changed, or would.", preferences.Change, headers=ETAG),
    openapi_extra=takes(preferences.PreferencesBody, EXAMPLE, media=YAML),
)
async def replace(
    viewer: Writer,
    parts: Here,
    request: Request,
    dry_run: Annotated[bool, Query(description="Only say what would change.")] = False,  # noqa: FBT002  # a parameter of the query
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The ETag of the text you saw, or `*`.")
    ] = None,
) -> Response:
    """Take this YAML as all of your rules and destinations: what is not in it is deleted.

    Rules and destinations are known again by id, else by name. A new or changed address is
    unconfirmed.
    """
    text, seen = await yaml_of(request), matching(if_match)
    before = await preferences_of(parts, viewer)
    written = await read(parts, before, text)
    if dry_run:
        check_seen(before, seen)
        found = await propose(parts, before, written)
    else:
        found = await difference(parts, *await bring(parts, viewer.name, written, seen=seen))
    silent = [to.name for to in found.silent]
    said = {"changes": found.changes, "unconfirmed": silent}
    return Json(said, headers=_etag(found.before if dry_run else found.after))


def _etag(mine: Preferences) -> dict[str, str]:
    return {"ETag": f'"{mark_of(mine)}"'}
