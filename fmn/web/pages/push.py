"""Browsers that want to be notified: subscribing is all they have to do."""

from dataclasses import replace
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from fmn.errors import FieldError, PreferencesError
from fmn.kinds import Proof
from fmn.model import Destination, DestinationState
from fmn.preferences import states
from fmn.preferences.values import Preferences
from fmn.storage.editing import Change
from fmn.web.changing import change
from fmn.web.destinations import proving
from fmn.web.destinations.adding import adding, free_name, read
from fmn.web.destinations.giving import offer_of
from fmn.web.destinations_page import Refused, destinations_page
from fmn.web.forms import Form, Posted
from fmn.web.mine import preferences_of
from fmn.web.parts import Parts
from fmn.web.sessions import SignedIn, Viewer, parts_of
from fmn.web.showing import go

KIND, TITLE = "push", "Another push service (UnifiedPush)"
"""The form by which a subscription is given: a browser fills it in, or an app's owner."""
FIELDS = ("endpoint", "p256dh", "auth")
"""What a browser says of its subscription: the Push API's names."""
FORM = "push-browser"
"""Id of the form on the page of destinations."""
NAME = "browser"
"""What a browser is called where nobody says."""
LONGEST = 2000
"""Characters that stay of what was typed."""

router = APIRouter()


@router.get("/sw.js")
async def service_worker() -> Response:
    """Give what shows a push in a browser: from the root, so that it stands for all pages."""
    # Nobody needs to be signed in: a browser asks, too.
    return Response(_script(), media_type="text/javascript")


@router.post("/push")
async def subscribe(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Add the browser that asks: that it subscribed on our page is its word.

    Behind a push service that is no browser's there may be anything: it is asked for a code.
    """
    parts = parts_of(request)
    if not parts.push_key:
        raise HTTPException(409, "nothing is sent to browsers here: no key for Web Push is set")
    try:
        return await _subscribed(parts, viewer, await _written(parts, viewer, form))
    except PreferencesError as refused:
        return await destinations_page(request, viewer, refused=_refused(form, refused))


async def _written(parts: Parts, viewer: Viewer, form: Form) -> Destination:
    mine = await preferences_of(parts, viewer)
    given = {field: form.one(field) for field in FIELDS}
    address = offer_of(parts, KIND, TITLE).address(given)
    name = form.one("name") or free_name(mine, NAME)
    return read(parts, viewer.name, name, {"kind": KIND, "address": address})


async def _subscribed(parts: Parts, viewer: Viewer, found: Destination) -> Response:
    if parts.kinds[KIND].proof(found.address) is not Proof.PAGE:
        await change(parts, viewer.name, adding(parts, found), by=viewer.name)
        return go("/destinations", await proving.ask(parts, found))
    mine = await preferences_of(parts, viewer)
    before = [each for each in mine.destinations if _is_same(each, found)]
    destination = replace(found, state=DestinationState.ACTIVE)
    await change(parts, viewer.name, _subscribing(parts, destination), by=viewer.name)
    is_new = not before or before[0].state in states.ENDED
    return go("/destinations", "confirmed" if is_new else "subscribed")


def _subscribing(parts: Parts, destination: Destination) -> Change:
    def subscribe(preferences: Preferences) -> Preferences:
        for each in preferences.destinations:
            if _is_same(each, destination):
                return states.revive(preferences, each.id)
        return adding(parts, destination)(preferences)

    return subscribe


def _is_same(one: Destination, other: Destination) -> bool:
    return (one.kind, one.address) == (other.kind, other.address)


def _refused(form: Form, refused: PreferencesError) -> Refused:
    at, label, words = FORM, "Notify me in this browser", ": ".join(map(str, refused.args))
    if isinstance(refused, FieldError):
        words = refused.expected
        if refused.path[:1] == ("name",):
            at, label = f"{FORM}-name", "Name"
    return Refused(at, label, words, {f"{FORM}-name": form.one("name")[:LONGEST]}, offer=FORM)


@cache
def _script() -> bytes:
    return files("fmn.web").joinpath("static", "sw.js").read_bytes()
