"""`/preferences`: all of one's rules and destinations as one text, out and in."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from fmn.model import DestinationState
from fmn.preferences import edits
from fmn.preferences.codec import read_user, write_user
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Preferences
from fmn.web.adding import check_address
from fmn.web.api.bodies import YAML, Json, Matches, matching, yaml_of
from fmn.web.api.caller import Reader, Writer, preferences_of
from fmn.web.api.document import gives, takes
from fmn.web.api.shapes import preferences
from fmn.web.changing import change
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Viewer

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

    What is confirmed is left out.
    """
    mine = await preferences_of(parts, viewer)
    return Response(write_user(mine), headers=_etag(mine), media_type=YAML)


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
    read = _read(parts, viewer, await yaml_of(request))
    before, seen = await preferences_of(parts, viewer), matching(if_match)
    after = _merged(before, read, seen)
    if not dry_run:
        before, after = await _save(parts, viewer, read, seen)
    silent = [to.name for to in after.destinations if to.state is DestinationState.UNCONFIRMED]
    said = {"changes": changes(before, after), "unconfirmed": silent}
    return Json(said, headers=_etag(before if dry_run else after))


async def _save(
    parts: Parts, viewer: Viewer, read: Preferences, seen: Matches
) -> tuple[Preferences, Preferences]:
    found: list[Preferences] = []

    def edit(mine: Preferences) -> Preferences:
        found.append(mine)
        return _merged(mine, read, seen)

    after = await change(parts, viewer.name, edit, by=viewer.name)
    return found[-1], after


def _merged(mine: Preferences, read: Preferences, seen: Matches) -> Preferences:
    if not seen(_mark(mine)):
        raise edits.Changed("preferences")
    return merge(mine, read)


def _read(parts: Parts, viewer: Viewer, text: str) -> Preferences:
    read = read_user(
        text, user=viewer.name, where="preferences", filters=parts.filters, senders=parts.kinds
    )
    for to in read.destinations:
        check_address(parts, to, ("destinations", to.name, "address"))
    return read


def _mark(mine: Preferences) -> str:
    return hashlib.sha256(write_user(mine).encode()).hexdigest()[:16]


def _etag(mine: Preferences) -> dict[str, str]:
    return {"ETag": f'"{_mark(mine)}"'}
