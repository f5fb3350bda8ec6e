"""The account: time zone, pausing everything, and the way out."""

from contextlib import suppress
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.errors import FieldError, Unavailable
from fmn.preferences import states
from fmn.storage.accounts import delete_account, set_time_zone
from fmn.storage.engine import writing
from fmn.storage.preferences import newest
from fmn.web.account_page import account_page
from fmn.web.changing import change, told
from fmn.web.destinations.pausing import EVERYTHING, end_of
from fmn.web.forms import Posted
from fmn.web.sessions import Here, SignedIn, forget, parts_of
from fmn.web.showing import go, show
from fmn.web.zones import zone_named

router = APIRouter(prefix="/account")


@router.get("")
async def account(request: Request, viewer: SignedIn) -> Response:
    """Show what is to be said of an account."""
    return await account_page(request, viewer)


@router.post("/time-zone")
async def time_zone(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Set the time zone in which times are shown."""
    typed = form.one("time_zone")[:100]
    try:
        zone = zone_named(typed)
    except FieldError as refused:
        problem = ("time_zone", refused.expected)
        return await account_page(request, viewer, problem=problem, typed={"time_zone": typed})
    async with writing(parts_of(request).engine) as connection:
        await set_time_zone(connection, viewer.account.id, zone)
    return go("/account", "saved")


@router.post("/pause")
async def pause(parts: Here, viewer: SignedIn, form: Posted) -> Response:
    """Stay silent everywhere for a while."""
    now = parts.now()
    until = end_of(form.one("for"), now)
    edit = partial(states.pause, destinations=None, until=until, reason=EVERYTHING, now=now)
    await change(parts, viewer.name, edit, by=viewer.name)
    return go("/account", "paused")


@router.post("/resume")
async def resume(parts: Here, viewer: SignedIn, _: Posted) -> Response:
    """End that; what was paused by itself stays so."""
    edit = partial(states.resume, destinations=None, reason=EVERYTHING)
    await change(parts, viewer.name, edit, by=viewer.name)
    return go("/account", "resumed")


@router.post("/delete")
async def delete(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Erase the account and all that is known of it."""
    if form.one("name") != viewer.name:
        problem = ("name", f"type {viewer.name} to delete this account")
        return await account_page(request, viewer, problem=problem)
    parts = parts_of(request)
    async with writing(parts.engine) as connection:
        erased = await delete_account(connection, viewer.account.id)
        version = await newest(connection)
    # Workers first: what they emit until they know is what would be left in the queues.
    await told(parts, version)
    purged = False
    with suppress(Unavailable):
        await parts.queues.purge(erased)
        purged = True
    answer = show(request, "deleted.html", viewer=None, name=viewer.name, purged=purged)
    forget(answer, parts)
    return answer
