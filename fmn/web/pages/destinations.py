"""Destinations: where somebody hears; adding, confirming, testing, pausing, taking away."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from fmn.errors import FieldError, PreferencesError
from fmn.kinds import Proof
from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences import edits, states
from fmn.web.changing import change
from fmn.web.destinations import proving
from fmn.web.destinations.adding import adding, free_name, read
from fmn.web.destinations.giving import Offer, offer_of
from fmn.web.destinations.pausing import end_of
from fmn.web.destinations.places import place_of
from fmn.web.destinations_page import Refused, destinations_page
from fmn.web.forms import Form, Posted
from fmn.web.mine import preferences_of
from fmn.web.parts import Parts
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go

LONGEST = 2000
"""Characters that stay of what was typed."""

router = APIRouter(prefix="/destinations")


@router.get("")
async def destinations(
    request: Request, viewer: SignedIn, start: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """Show where the viewer hears."""
    return await destinations_page(request, viewer, start=start)


@router.post("")
async def add(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Add a destination and ask its address to confirm."""
    parts = parts_of(request)
    try:
        offer = offer_of(parts, form.one("kind"), form.one("form"))
    except FieldError as refused:
        problem = Refused("add", "Add a destination", refused.expected)
        return await destinations_page(request, viewer, refused=problem)
    try:
        added = await _added(parts, viewer, offer, form)
    except PreferencesError as refused:
        return await destinations_page(request, viewer, refused=_refused(offer, form, refused))
    said = await proving.ask(parts, added) if place_of(parts, added).may_ask else "saved"
    return go("/destinations", said)


@router.post("/{id_}/again")
async def again(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """Ask the address once more to confirm."""
    destination = await _mine(parts, viewer, id_)
    if not place_of(parts, destination).may_ask:
        raise HTTPException(409, "there is nothing to confirm")
    return go("/destinations", await proving.ask(parts, destination))


@router.post("/{id_}/code")
async def code(request: Request, viewer: SignedIn, form: Posted, id_: DestinationId) -> Response:
    """Confirm it by the code that was sent there."""
    parts = parts_of(request)
    destination = await _mine(parts, viewer, id_)
    by_code = proving.proof_of(parts, destination) is Proof.CODE
    if destination.state not in states.UNPROVEN or not by_code:
        raise HTTPException(409, "there is no code to type for this destination")
    typed = form.one("code")
    try:
        return go("/destinations", await proving.type_code(parts, destination, typed))
    except FieldError as wrong:
        at = f"c-{id_}"
        problem = Refused(at, "Code", wrong.expected, {at: typed[:LONGEST]}, about=id_)
        return await destinations_page(request, viewer, refused=problem)


@router.post("/{id_}/test")
async def test(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """Send something there to see that it arrives."""
    destination = await _mine(parts, viewer, id_)
    if destination.state_at(parts.now()) is not DestinationState.ACTIVE:
        raise HTTPException(409, "only an active destination can be tested")
    if silence := parts.silence(destination.kind):
        raise HTTPException(409, silence)
    return go("/destinations", await proving.test(parts, destination))


@router.post("/{id_}/pause")
async def pause(parts: Here, viewer: SignedIn, form: Posted, id_: DestinationId) -> Response:
    """Stay silent there for a while."""
    now = parts.now()
    edit = partial(states.pause, destinations=[id_], until=end_of(form.one("for"), now), now=now)
    await change(parts, viewer.name, edit, by=viewer.name)
    return go("/destinations", "paused")


@router.post("/{id_}/resume")
async def resume(parts: Here, viewer: SignedIn, _: Posted, id_: DestinationId) -> Response:
    """End a pause."""
    edit = partial(states.resume, destinations=[id_])
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
        problem = Refused(f"d-{id_}", "Destination", _words(refused), about=id_)
        return await destinations_page(request, viewer, refused=problem)
    return go("/destinations", "deleted")


async def _added(parts: Parts, viewer: Viewer, offer: Offer, form: Form) -> Destination:
    mine = await preferences_of(parts, viewer)
    written = {"kind": offer.kind, "address": offer.address(_fields(offer, form))}
    name = form.one("name") or free_name(mine, offer.name)
    destination = read(parts, viewer.name, name, written)
    await change(parts, viewer.name, adding(parts, destination), by=viewer.name)
    return destination


def _fields(offer: Offer, form: Form) -> dict[str, str]:
    return {field.name: form.one(f"address.{field.name}") for field in offer.form.fields}


def _refused(offer: Offer, form: Form, refused: PreferencesError) -> Refused:
    """Return what is wrong with a form, and where; what is secret in it must be typed again."""
    fields, at = offer.form.fields, (offer.id, offer.form.title)
    path = refused.path[:1] if isinstance(refused, FieldError) else ()
    if path == ("name",):
        at = (f"{offer.id}-name", "Name")
    elif path == ("address",) and len(fields) == 1:
        at = (offer.id_of(fields[0]), fields[0].label)
    typed = {
        offer.id_of(each): form.one(f"address.{each.name}")[:LONGEST]
        for each in fields
        if not each.secret
    }
    typed[f"{offer.id}-name"] = form.one("name")[:LONGEST]
    return Refused(*at, _words(refused), typed, offer.id)


def _words(refused: PreferencesError) -> str:
    if isinstance(refused, FieldError):
        return refused.expected
    return ": ".join(map(str, refused.args))


async def _mine(parts: Parts, viewer: Viewer, id_: DestinationId) -> Destination:
    return edits.destination_of(await preferences_of(parts, viewer), id_)
