"""Destinations: where somebody hears; adding, confirming, testing, pausing, taking away."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from fmn.errors import FieldError, PreferencesError
from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences import edits
from fmn.storage.engine import reading
from fmn.storage.lookback import last_word
from fmn.web.changing import change
from fmn.web.destinations import proving
from fmn.web.destinations.adding import adding, free_name, read
from fmn.web.destinations.pausing import LENGTHS, end_of
from fmn.web.forms import Form, Posted
from fmn.web.mine import preferences_of
from fmn.web.parts import Parts
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go, show

PAGE = 25
"""Destinations on one page."""
FIELDS = ("kind", "address", "name")

router = APIRouter(prefix="/destinations")


@router.get("")
async def destinations(
    request: Request, viewer: SignedIn, start: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """Show where the viewer hears."""
    return await _page(request, viewer, start=start)


@router.post("")
async def add(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Add a destination and ask its address to confirm."""
    parts = parts_of(request)
    try:
        added = await _added(parts, viewer, form)
    except FieldError as refused:
        field = str(refused.path[-1]) if refused.path else ""
        problem = (field if field in FIELDS else "", refused.expected)
        return await _page(request, viewer, form=form, problem=problem)
    except PreferencesError as refused:
        return await _page(request, viewer, form=form, problem=("", str(refused)))
    if proving.unproven(parts, added):
        return go("/destinations", "saved")
    return go("/destinations", await proving.ask(parts, added))


@router.post("/{id_}/again")
async def again(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """Ask the address once more to confirm."""
    destination = await _mine(parts, viewer, id_)
    if destination.state not in edits.UNPROVEN or proving.unproven(parts, destination):
        raise HTTPException(409, "there is nothing to confirm by a link")
    return go("/destinations", await proving.ask(parts, destination))


@router.post("/{id_}/test")
async def test(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """Send something there to see that it arrives."""
    destination = await _mine(parts, viewer, id_)
    if destination.state_at(parts.now()) is not DestinationState.ACTIVE:
        raise HTTPException(409, "only an active destination can be tested")
    return go("/destinations", await proving.test(parts, destination))


@router.post("/{id_}/pause")
async def pause(parts: Here, viewer: SignedIn, form: Posted, id_: DestinationId) -> Response:
    """Stay silent there for a while."""
    now = parts.now()
    edit = partial(edits.pause, destinations=[id_], until=end_of(form.one("for"), now), now=now)
    await change(parts, viewer.name, edit, by=viewer.name)
    return go("/destinations", "paused")


@router.post("/{id_}/resume")
async def resume(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """End a pause."""
    edit = partial(edits.resume, destinations=[id_])
    await change(parts, viewer.name, edit, by=viewer.name)
    return go("/destinations", "resumed")


@router.post("/{id_}/delete")
async def delete(request: Request, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """Take a destination away, unless a rule would tell nobody then."""
    parts = parts_of(request)
    try:
        edit = partial(edits.delete_destination, destination=id_)
        await change(parts, viewer.name, edit, by=viewer.name)
    except PreferencesError as refused:
        words = ": ".join(map(str, refused.args))
        return await _page(request, viewer, problem=(f"d-{id_}", words))
    return go("/destinations", "deleted")


async def _added(parts: Parts, viewer: Viewer, form: Form) -> Destination:
    mine = await preferences_of(parts, viewer)
    kind = form.one("kind")
    name = form.one("name") or (free_name(mine, kind) if kind in parts.kinds else kind)
    written = {"kind": kind, "address": form.one("address")}
    destination = read(parts, viewer.name, name, written)
    await change(parts, viewer.name, adding(parts, destination), by=viewer.name)
    return destination


async def _mine(parts: Parts, viewer: Viewer, id_: DestinationId) -> Destination:
    return edits.destination_of(await preferences_of(parts, viewer), id_)


async def _page(
    request: Request,
    viewer: Viewer,
    *,
    start: int = 0,
    form: Form | None = None,
    problem: tuple[str, str] | None = None,
) -> Response:
    parts, now = parts_of(request), parts_of(request).now()
    mine = await preferences_of(parts, viewer)
    async with reading(parts.engine) as connection:
        last = await last_word(connection, viewer.account.id)
    shown: dict[str, Any] = {
        "found": [
            (each, each.state_at(now), last.get(each.id), proving.unproven(parts, each))
            for each in mine.destinations[start : start + PAGE]
        ],
        "rules": {
            each.id: sum(each in rule.destinations for rule in mine.rules)
            for each in mine.destinations
        },
        "older": start + PAGE if len(mine.destinations) > start + PAGE else 0,
        "start": start,
        "kinds": sorted(parts.kinds),
        "typed": {field: form.one(field)[:2000] if form else "" for field in FIELDS},
        "problem": problem,
        "lengths": {word: said for word, (said, _) in LENGTHS.items()},
    }
    status = 422 if problem else 200
    return show(request, "destinations.html", viewer=viewer, status=status, **shown)
