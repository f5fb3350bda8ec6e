"""Signed links of mails: stop a rule, pause, and undo that, without a login.

A GET never changes anything, since mail servers follow every link. Nothing private is here.
"""

from datetime import timedelta
from functools import partial

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from fmn.links import Stop, Undo
from fmn.preferences import states, stopping
from fmn.preferences.edits import NotThere
from fmn.preferences.values import Preferences
from fmn.web.destinations.linked import Linked, about, linked, linked_after
from fmn.web.destinations.pausing import LENGTHS, LINK, end_of
from fmn.web.forms import read_form
from fmn.web.sessions import Here, parts_of
from fmn.web.showing import show

UNDO_WITHIN = timedelta(days=7)
PAUSES = ("day", "week")

router = APIRouter()


@router.get("/stop/{token}")
async def stop_page(request: Request, parts: Here, token: str) -> Response:
    """Show why a mail came, and what can be stopped."""
    link = parts.links.read(Stop, token)
    return _stop_page(request, token, link, await linked(parts, link.destination))


@router.post("/stop/{token}")
async def stop(request: Request, parts: Here, token: str, rule: str = "") -> Response:
    """Stop all rules that a mail names, for its destination; or one of them.

    Mail programs post here without anybody looking (RFC 8058): what they post does not matter.
    """
    link = parts.links.read(Stop, token)
    wanted = tuple(each for each in link.rules if rule in ("", each))
    if not wanted:
        raise NotThere("rule")
    undo = Undo(link.destination, ())

    def edit(preferences: Preferences) -> Preferences:
        nonlocal undo
        after, undo = stopping.stop(preferences, link.destination, wanted)
        return after

    found = await linked_after(parts, link.destination, edit)
    return _stop_page(request, token, link, found, undo)


@router.post("/stop/{token}/pause")
async def pause(request: Request, parts: Here, token: str) -> Response:
    """Pause the destination of a mail for a while."""
    link = parts.links.read(Stop, token)
    length, now = (await read_form(request)).one("for"), parts.now()
    if length not in PAUSES:
        raise HTTPException(422, f"for: expected one of {', '.join(PAUSES)}")

    def edit(preferences: Preferences) -> Preferences:
        mine = about(parts, preferences, link.destination)
        if not mine or not mine.may_pause(now):
            return preferences
        until = end_of(length, now)
        return states.pause(preferences, [link.destination], until=until, reason=LINK)

    return _stop_page(request, token, link, await linked_after(parts, link.destination, edit))


@router.post("/stop/{token}/resume")
async def resume(request: Request, parts: Here, token: str) -> Response:
    """Undo a pause that a link asked for."""
    link = parts.links.read(Stop, token)
    edit = partial(states.resume, destinations=[link.destination], reason=LINK)
    return _stop_page(request, token, link, await linked_after(parts, link.destination, edit))


@router.get("/undo/{token}")
async def undo_page(request: Request, parts: Here, token: str) -> Response:
    """Show what would come back."""
    link = parts.links.read(Undo, token, lifetime=UNDO_WITHIN)
    return _undo_page(request, link, await linked(parts, link.destination))


@router.post("/undo/{token}")
async def undo(request: Request, parts: Here, token: str) -> Response:
    """Bring back what a link stopped."""
    link = parts.links.read(Undo, token, lifetime=UNDO_WITHIN)
    edit = partial(stopping.unstop, undo=link)
    return _undo_page(request, link, await linked_after(parts, link.destination, edit))


def _stop_page(
    request: Request,
    token: str,
    link: Stop,
    found: Linked | None,
    undo: Undo | None = None,
) -> Response:
    parts, now = parts_of(request), parts_of(request).now()
    stopped = found.rules((*undo.rules, *undo.off)) if found and undo else []
    return show(
        request,
        "stop.html",
        viewer=None,
        linked=found,
        telling=found.telling(link.rules) if found else [],
        stopped=stopped,
        at=f"/stop/{token}",
        undo=parts.links.token(undo) if undo and stopped else "",
        pauses={word: LENGTHS[word][0] for word in PAUSES},
        may_pause=found and found.may_pause(now),
        is_paused=found and found.is_paused_by_link(now),
    )


def _undo_page(request: Request, link: Undo, found: Linked | None) -> Response:
    undone = found and stopping.unstop(found.preferences, link)
    after = about(parts_of(request), undone, link.destination) if undone else None
    return show(
        request,
        "undo.html",
        viewer=None,
        linked=after,
        rules=after.telling((*link.rules, *link.off)) if after else [],
        is_done=after == found,
    )
