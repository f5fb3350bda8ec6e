"""`/destinations`: where one wants to hear."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences import edits
from fmn.preferences.codec import write_destination
from fmn.preferences.values import Preferences
from fmn.web.api.bodies import Json, Written, json_of
from fmn.web.api.caller import Reader, Writer
from fmn.web.api.document import fails, gives, takes
from fmn.web.api.problems import away, busy, refused
from fmn.web.api.shapes import preferences
from fmn.web.changing import change
from fmn.web.destinations import proving
from fmn.web.destinations.adding import adding, read
from fmn.web.destinations.pausing import LONGEST
from fmn.web.mine import preferences_of
from fmn.web.moments import read_moment
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Viewer

LETTER = "On its way."
EXAMPLE = {"name": "email", "kind": "email", "address": "alice@example.org"}

router = APIRouter(prefix="/destinations", tags=["destinations"], default_response_class=Response)


@router.get(
    "",
    summary="List your destinations",
    responses=gives(200, "Your destinations.", preferences.Destinations),
)
async def list_destinations(viewer: Reader, parts: Here) -> Response:
    """Return all of your destinations, in your order."""
    mine = await preferences_of(parts, viewer)
    return Json({"destinations": [_json(each, parts.now()) for each in mine.destinations]})


@router.post(
    "",
    status_code=201,
    summary="Add a destination",
    responses=gives(
        201, "It is unconfirmed.", preferences.Destination, headers={"Location": "Where it is."}
    ),
    openapi_extra=takes(preferences.DestinationBody, EXAMPLE),
)
async def add(viewer: Writer, parts: Here, request: Request) -> Response:
    """Add a destination. It hears of nothing before it is confirmed: ask for that.

    With the first one come the rules that every new user starts with.
    """
    new = _read(parts, viewer, await json_of(request))

    await change(parts, viewer.name, adding(parts, new), by=viewer.name)
    return Json(_json(new, parts.now()), 201, {"Location": f"{request.url.path}/{new.id}"})


@router.get(
    "/{destination}",
    summary="Read a destination",
    responses=gives(200, "The destination.", preferences.Destination),
)
async def show(viewer: Reader, parts: Here, destination: DestinationId) -> Response:
    """Return one of your destinations."""
    return Json(_json(await _mine(viewer, parts, destination), parts.now()))


@router.delete(
    "/{destination}",
    status_code=204,
    summary="Delete a destination",
    responses=gives(204, "It is gone."),
)
async def delete(viewer: Writer, parts: Here, destination: DestinationId) -> Response:
    """Take a destination away. Refused while a rule has no other."""

    def edit(mine: Preferences) -> Preferences:
        return edits.delete_destination(mine, destination)

    await change(parts, viewer.name, edit, by=viewer.name)
    return Response(status_code=204)


@router.post(
    "/{destination}/confirmation",
    status_code=202,
    summary="Ask for confirmation",
    responses=gives(202, LETTER) | fails(429),
)
async def ask(viewer: Writer, parts: Here, destination: DestinationId) -> Response:
    """Send a link to the address: whoever opens it and says yes confirms it."""
    to = await _mine(viewer, parts, destination)
    if to.state not in edits.UNPROVEN:
        raise refused("", f"there is nothing to confirm: it is {to.state_at(parts.now())}")
    if fault := proving.unproven(parts, to):
        raise refused("", fault)
    return await _letter(parts, to, proving.ask)


@router.post(
    "/{destination}/test",
    status_code=202,
    summary="Send a test",
    responses=gives(202, LETTER) | fails(429),
)
async def test(viewer: Writer, parts: Here, destination: DestinationId) -> Response:
    """Send something to see that it arrives; only to a destination that is active."""
    to = await _mine(viewer, parts, destination)
    if (state := to.state_at(parts.now())) is not DestinationState.ACTIVE:
        raise refused("", f"nothing can be sent to it: it is {state}")
    return await _letter(parts, to, proving.test)


@router.post(
    "/{destination}/pause",
    summary="Pause a destination",
    responses=gives(200, "The destination as it is now.", preferences.Destination),
    openapi_extra=takes(preferences.Pause, {"until": "2026-12-24T18:00:00Z"}),
)
async def pause(
    viewer: Writer, parts: Here, request: Request, destination: DestinationId
) -> Response:
    """Send nothing to it until then, or until you resume it."""
    now = parts.now()
    until = _until(await json_of(request), now)

    def edit(mine: Preferences) -> Preferences:
        state = edits.destination_of(mine, destination).state
        if state not in {DestinationState.ACTIVE, DestinationState.PAUSED}:
            raise refused("", f"there is nothing to pause: it is {state}")
        return edits.pause(mine, [destination], until=until, now=now)

    saved = await change(parts, viewer.name, edit, by=viewer.name)
    return Json(_json(edits.destination_of(saved, destination), parts.now()))


@router.post(
    "/{destination}/resume",
    summary="End a pause",
    responses=gives(200, "The destination as it is now.", preferences.Destination),
)
async def resume(viewer: Writer, parts: Here, destination: DestinationId) -> Response:
    """End the pause of a destination, if it has one."""

    def edit(mine: Preferences) -> Preferences:
        edits.destination_of(mine, destination)
        return edits.resume(mine, [destination])

    saved = await change(parts, viewer.name, edit, by=viewer.name)
    return Json(_json(edits.destination_of(saved, destination), parts.now()))


async def _mine(viewer: Viewer, parts: Parts, destination: DestinationId) -> Destination:
    return edits.destination_of(await preferences_of(parts, viewer), destination)


def _json(to: Destination, now: datetime) -> dict[str, Any]:
    state = to.state_at(now)
    until = to.until if state is DestinationState.PAUSED else None
    known = {"state": state.value, "reason": to.reason, "until": until}
    return {"name": to.name} | write_destination(to) | known


def _read(parts: Parts, viewer: Viewer, written: Written) -> Destination:
    if unknown := [name for name in written if name not in EXAMPLE]:
        raise refused(unknown[0], f"there is no such key; known: {', '.join(EXAMPLE)}")
    name = written.pop("name", None)
    if not isinstance(name, str):
        raise refused("name", "expected a string")
    return read(parts, viewer.name, name, written)


def _until(written: Written, now: datetime) -> datetime | None:
    if unknown := [name for name in written if name != "until"]:
        raise refused(unknown[0], "there is no such key; known: until")
    said = written.get("until")
    if said is None:
        return None
    try:
        until = read_moment(said)
    except ValueError:
        raise refused("until", "expected a time, with its zone: 2026-12-24T18:00:00Z") from None
    if not now < until <= now + LONGEST:
        raise refused("until", f"expected a time to come, within {LONGEST.days} days")
    return until


async def _letter(
    parts: Parts,
    to: Destination,
    write: Callable[[Parts, Destination], Awaitable[proving.Said]],
) -> Response:
    said = await write(parts, to)
    if said == "busy":
        raise busy("letters to this destination", proving.HOUR)
    if said == "away":
        raise away()
    return Response(status_code=202)
