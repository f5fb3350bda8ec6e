"""Preferences as YAML: taking them along, and bringing them, with the difference shown first."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from fmn.errors import PreferencesError
from fmn.preferences.edits import Changed
from fmn.web.account_page import account_page
from fmn.web.forms import Posted
from fmn.web.importing import bring, propose, read, uploaded, write
from fmn.web.mine import preferences_of
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go, show

Uploaded = Annotated[str, Depends(uploaded)]

router = APIRouter(prefix="/account")


@router.get("/preferences.yaml")
async def export(parts: Here, viewer: SignedIn) -> Response:
    """Return the viewer's preferences as a file."""
    text = await write(await preferences_of(parts, viewer))
    named = {"Content-Disposition": 'attachment; filename="fmn-preferences.yaml"'}
    return Response(text, media_type="application/yaml; charset=utf-8", headers=named)


@router.post("/import")
async def look(request: Request, viewer: SignedIn, file: Uploaded, form: Posted) -> Response:
    """Show what an import would change."""
    text = file or form.one("yaml")
    if not text.strip():
        problem = ("yaml", "paste the YAML here, or choose a file")
        return await account_page(request, viewer, problem=problem)
    return await _proposal(request, viewer, text)


@router.post("/import/apply")
async def apply(request: Request, viewer: SignedIn, form: Posted) -> Response:
    """Import it, unless the preferences are not those any more that were shown."""
    parts, text = parts_of(request), form.one("yaml")
    try:
        written = await read(parts, await preferences_of(parts, viewer), text)
        await bring(parts, viewer.name, written, seen=lambda mark: mark == form.one("mark"))
    except Changed:
        return await _proposal(request, viewer, text, is_changed=True)
    except PreferencesError as refused:
        return await _refused(request, viewer, text, refused)
    return go("/destinations", "imported")


async def _proposal(
    request: Request, viewer: Viewer, text: str, *, is_changed: bool = False
) -> Response:
    parts = parts_of(request)
    before = await preferences_of(parts, viewer)
    try:
        written = await read(parts, before, text)
    except PreferencesError as refused:
        return await _refused(request, viewer, text, refused)
    proposal = await propose(parts, before, written)
    status = 409 if is_changed else 200
    values = {"proposal": proposal, "yaml": text, "is_changed": is_changed, "shown": parts.shown}
    return show(request, "import.html", viewer=viewer, status=status, **values)


async def _refused(
    request: Request, viewer: Viewer, text: str, refused: PreferencesError
) -> Response:
    problem = ("yaml", ": ".join(map(str, refused.args)))
    return await account_page(request, viewer, problem=problem, typed={"yaml": text})
