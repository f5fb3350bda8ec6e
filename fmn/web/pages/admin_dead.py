"""The dead letters, for operators: what each was, and what is to become of it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.errors import InputError
from fmn.storage import audit
from fmn.storage.engine import writing
from fmn.web.forms import Posted
from fmn.web.pages.admin import ROWS, answered
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Operator, Viewer
from fmn.web.showing import go, show

MAIL = re.compile(r"[^\s<>'\"(),;:]+@[^\s<>'\"(),;:]+")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
MASKED = "(address)"

router = APIRouter(prefix="/admin/dead")


@router.get("")
async def dead(request: Request, viewer: Operator, parts: Here) -> Response:
    """Show the dead letters, without what they held and without addresses."""
    await _note(parts, viewer, "looked at dead letters")
    return await _page(request, viewer, parts)


@router.post("/{letter:path}/replay")
async def replay(
    request: Request,
    viewer: Operator,
    parts: Here,
    form: Posted,  # noqa: ARG001  # it proves that it comes from our page
    letter: str,
) -> Response:
    """Put what a letter held back into its queue."""
    await _note(parts, viewer, "replayed a dead letter", letter)
    try:
        there = await parts.queues.replay(letter)
    except InputError as refused:
        return await _page(request, viewer, parts, refused=str(refused))
    return go("/admin/dead", "replayed" if there else "gone")


@router.post("/{letter:path}/drop")
async def drop(viewer: Operator, parts: Here, form: Posted, letter: str) -> Response:  # noqa: ARG001  # as above
    """Throw a letter away."""
    await _note(parts, viewer, "dropped a dead letter", letter)
    return go("/admin/dead", "dropped" if await parts.queues.drop(letter) else "gone")


async def _note(parts: Parts, viewer: Viewer, action: str, detail: str = "") -> None:
    # Noted before: nothing is ever done that the audit log does not have.
    async with writing(parts.engine) as connection:
        await audit.note(connection, by=viewer.name, action=action, detail=detail)


async def _page(request: Request, viewer: Viewer, parts: Parts, *, refused: str = "") -> Response:
    found = await answered(parts.queues.dead_letters())
    return show(
        request,
        "admin_dead.html",
        viewer=viewer,
        status=422 if refused else 200,
        letters=None if found is None else [readable(one) for one in found[:ROWS]],
        total=len(found or ()),
        refused=refused,
    )


def readable(letter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dead letter for the page: its time as a time, and no address in its words."""
    at = letter["at"]
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    why = MAIL.sub(MASKED, letter["why"])
    # Senders quote the address they speak of, and a nick does not look like one.
    why = QUOTED.sub(MASKED, why) if letter["what"] == "chunk" else why
    return {**letter, "at": at, "why": why}
