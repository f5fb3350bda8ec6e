"""Confirming an address: whoever opens the link that was sent there reads what is sent there."""

from datetime import timedelta
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.kinds import Proof
from fmn.links import Confirm
from fmn.model import DestinationState
from fmn.preferences import states
from fmn.web.destinations import proving
from fmn.web.destinations.linked import Linked, linked, linked_after
from fmn.web.parts import Parts
from fmn.web.sessions import Here, parts_of
from fmn.web.showing import show

WITHIN = timedelta(days=1)

router = APIRouter(prefix="/confirm")


@router.get("/{token}")
async def confirm_page(request: Request, parts: Here, token: str) -> Response:
    """Show which address is to be confirmed."""
    link = parts.links.read(Confirm, token, lifetime=WITHIN)
    return _page(request, await linked(parts, link.destination))


@router.post("/{token}")
async def confirm(request: Request, parts: Here, token: str) -> Response:
    """Confirm it."""
    link = parts.links.read(Confirm, token, lifetime=WITHIN)
    found = await linked(parts, link.destination)
    if _may_be_confirmed(parts, found):
        edit = partial(states.confirm, destination=link.destination)
        found = await linked_after(parts, link.destination, edit)
    return _page(request, found)


def _may_be_confirmed(parts: Parts, found: Linked | None) -> bool:
    if found is None or proving.proof_of(parts, found.destination) is not Proof.LINK:
        return False
    return found.destination.state in states.UNPROVEN


def _page(request: Request, found: Linked | None) -> Response:
    parts = parts_of(request)
    may = _may_be_confirmed(parts, found)
    is_done = found and found.destination.state_at(parts.now()) is DestinationState.ACTIVE
    return show(request, "confirm.html", viewer=None, linked=found, may=may, is_done=is_done)
