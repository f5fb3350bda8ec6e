"""`/destinations`: where one wants to hear."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.kinds import Proof
from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences import edits, states
from fmn.preferences.codec import write_destination
from fmn.preferences.values import Preferences
from fmn.web.api.bodies import Json, json_of
from fmn.web.api.caller import Reader, Writer
from fmn.web.api.document import fails, gives, takes
from fmn.web.api.given import read_code, read_destination, read_until
from fmn.web.api.problems import away, busy, refused
from fmn.web.api.shapes import preferences
from fmn.web.changing import change
from fmn.web.destinations import proving
from fmn.web.destinations.adding import adding
from fmn.web.destinations.places import place_of
from fmn.web.mine import preferences_of
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
    return Json({"destinations": [_json(parts, each) for each in mine.destinations]})


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
    new = read_destination(parts, viewer, await json_of(request))
    await change(parts, viewer.name, adding(parts, new), by=viewer.name)
    return Json(_json(parts, new), 201, {"Location": f"{request.url.path}/{new.id}"})


@router.get(
    "/{destination}",
    summary="Read a destination",
    responses=gives(200, "The destination.", preferences.Destination),
)
async def show(viewer: Reader, parts: Here, destination: DestinationId) -> Response:
    """Return one of your destinations."""
    return Json(_json(parts, await _mine(viewer, parts, destination)))


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
    """Send there what confirms it, as `proof` says.

    With `link` whoever opens the link and says yes confirms it. With `code` you send the code to
    `/code`, which whoever reads the address has. With `answer` what stands there answers with the
    code. With `page` nothing is sent: a browser subscribes on the page of destinations.
    """
    to = await _unproven(viewer, parts, destination)
    if obstacle := proving.obstacle(parts, to):
        raise refused("", obstacle)
    if proving.proof_of(parts, to) is Proof.PAGE:
        raise refused("", "nothing is sent for that: subscribe again in that browser")
    _check_said(await proving.ask(parts, to), "letters to this destination")
    return Response(status_code=202)


@router.post(
    "/{destination}/code",
    summary="Confirm by a code",
    responses=gives(200, "The destination, which is active now.", preferences.Destination)
    | fails(429),
    openapi_extra=takes(preferences.Code, {"code": "K7QX-3MZA"}),
)
async def code(
    viewer: Writer, parts: Here, request: Request, destination: DestinationId
) -> Response:
    """Confirm a destination whose `proof` is `code` by the code that was sent there.

    It works until the end of the next day, UTC. Case, spaces and the hyphen do not matter.
    """
    typed = read_code(await json_of(request))
    to = await _unproven(viewer, parts, destination)
    if proving.proof_of(parts, to) is not Proof.CODE:
        raise refused("code", "there is none to type for this destination: see its `proof`")
    _check_said(await proving.type_code(parts, to, typed), "codes for this destination")
    return Json(_json(parts, await _mine(viewer, parts, destination)))


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
    if silence := parts.silence(to.kind):
        raise refused("", silence)
    _check_said(await proving.test(parts, to), "letters to this destination")
    return Response(status_code=202)


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
    until = read_until(await json_of(request), now)

    def edit(mine: Preferences) -> Preferences:
        state = edits.destination_of(mine, destination).state
        if state not in {DestinationState.ACTIVE, DestinationState.PAUSED}:
            raise refused("", f"there is nothing to pause: it is {state}")
        return states.pause(mine, [destination], until=until, now=now)

    saved = await change(parts, viewer.name, edit, by=viewer.name)
    return Json(_json(parts, edits.destination_of(saved, destination)))


@router.post(
    "/{destination}/resume",
    summary="End a pause",
    responses=gives(200, "The destination as it is now.", preferences.Destination),
)
async def resume(viewer: Writer, parts: Here, destination: DestinationId) -> Response:
    """End the pause of a destination, if it has one."""

    def edit(mine: Preferences) -> Preferences:
        edits.destination_of(mine, destination)
        return states.resume(mine, [destination])

    saved = await change(parts, viewer.name, edit, by=viewer.name)
    return Json(_json(parts, edits.destination_of(saved, destination)))


async def _mine(viewer: Viewer, parts: Parts, destination: DestinationId) -> Destination:
    return edits.destination_of(await preferences_of(parts, viewer), destination)


async def _unproven(viewer: Viewer, parts: Parts, destination: DestinationId) -> Destination:
    to = await _mine(viewer, parts, destination)
    if to.state not in states.UNPROVEN:
        raise refused("", f"there is nothing to confirm: it is {to.state_at(parts.now())}")
    return to


def _json(parts: Parts, to: Destination) -> dict[str, Any]:
    place = place_of(parts, to)
    until = to.until if place.state is DestinationState.PAUSED else None
    known = {"state": place.state, "reason": to.reason, "until": until, "proof": place.proof}
    return {"name": to.name} | write_destination(to) | {"address": place.address} | known


def _check_said(said: proving.Said, what: str) -> None:
    if said == "busy":
        raise busy(what, proving.HOUR)
    if said == "away":
        raise away()
