"""The rule editor: a sentence built of controls, and what it would have sent, before it is saved.

Every button is a form round trip (`do`), so that nothing of it needs JavaScript.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.errors import PreferencesError
from fmn.model import DestinationState, RuleId
from fmn.preferences import edits
from fmn.preferences.codec import read_rule
from fmn.preferences.sentence import sentence
from fmn.preferences.values import Preferences
from fmn.rules.access import Field
from fmn.rules.rule import Rule
from fmn.storage.candidates import Seen, seen
from fmn.storage.engine import reading
from fmn.web.changing import change
from fmn.web.destinations.addresses import web_address
from fmn.web.editor.controls import questions
from fmn.web.editor.drafts import Draft, draft_of, read_draft
from fmn.web.editor.outlook import Outlook, outlook
from fmn.web.editor.refused import Refused, refused
from fmn.web.editor.turns import InTurn, turns_of
from fmn.web.forms import Form, Posted
from fmn.web.mine import preferences_of
from fmn.web.parts import Parts
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go, show, zone_of

OFFERED = 50
"""Values of one field of messages to choose from."""

router = APIRouter(prefix="/rules")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form as it is shown: what stands in it, and what is said beside it."""

    draft: Draft
    outlook: Outlook | None = None
    focus: str = ""
    """Id of the field, or of the group of fields, in which writing goes on."""
    refused: Refused | None = None
    saved: Rule | None = None
    """The rule as it is now, where somebody changed it in between."""
    touched: bool = False
    """Whether something stands in it that is not saved."""


@router.get("/new")
async def new(request: Request, viewer: SignedIn, parts: Here) -> Response:
    """Begin a rule."""
    preferences = await preferences_of(parts, viewer)
    active = [d for d in preferences.destinations if d.state is DestinationState.ACTIVE]
    first = tuple(each.name for each in (active or preferences.destinations)[:1])
    return await _page(request, viewer, preferences, Sheet(Draft(destinations=first)))


@router.post("/preview")
async def live(
    request: Request, viewer: SignedIn, parts: Here, turns: InTurn, form: Posted
) -> Response:
    """Return the preview alone, for a page that asks while somebody types."""
    preferences = await preferences_of(parts, viewer)
    draft = read_draft(form, parts.filters)
    ahead = await outlook(parts, turns, preferences, draft, zone=zone_of(viewer))
    return show(request, "preview.html", viewer=viewer, outlook=ahead, web_address=web_address)


@router.get("/{rule}")
async def old(request: Request, viewer: SignedIn, parts: Here, rule: RuleId) -> Response:
    """Open a rule. Raises NotThere."""
    preferences = await preferences_of(parts, viewer)
    saved = edits.rule_of(preferences, rule)
    return await _page(request, viewer, preferences, Sheet(draft_of(saved, parts.filters)))


@router.post("/new")
async def add(request: Request, viewer: SignedIn, parts: Here, form: Posted) -> Response:
    """Go on with a new rule, or save it."""
    draft = replace(read_draft(form, parts.filters), id="")
    return await _turn(request, viewer, draft, form)


@router.post("/{rule}")
async def put(
    request: Request, viewer: SignedIn, parts: Here, form: Posted, rule: RuleId
) -> Response:
    """Go on with a rule that is there, or save it."""
    draft = replace(read_draft(form, parts.filters), id=rule)
    return await _turn(request, viewer, draft, form)


async def _turn(request: Request, viewer: Viewer, draft: Draft, form: Form) -> Response:
    parts = parts_of(request)
    if form.one("do") == "save":
        return await _save(request, viewer, draft)
    preferences = await preferences_of(parts, viewer)
    sheet = _turned(Sheet(draft, touched=True), form, parts)
    if sheet.draft is draft:
        turns = turns_of(request)
        ahead = await outlook(parts, turns, preferences, draft, zone=zone_of(viewer))
        sheet = replace(sheet, outlook=ahead)
    return await _page(request, viewer, preferences, sheet)


def _turned(sheet: Sheet, form: Form, parts: Parts) -> Sheet:
    draft = sheet.draft
    verb, _, what = form.one("do").partition(":")
    place, _, argument = what.partition(".")
    if verb == "add" and form.one("kind") in parts.filters:
        asked = questions(parts.filters)[form.one("kind")]
        focus = f"filters-{len(draft.filters)}"
        return replace(sheet, draft=draft.with_filter(asked), focus=focus)
    if not re.fullmatch("[0-9]{1,3}", place) or int(place) >= len(draft.filters):
        return sheet
    if verb == "remove":
        return replace(sheet, draft=draft.without_filter(int(place)), focus="kind")
    if verb == "more":
        grown = draft.with_room(int(place), argument)
        last = len(grown.filters[int(place)].typed[argument]) - 1
        return replace(sheet, draft=grown, focus=f"filters-{place}-{argument}-{last}")
    return sheet


async def _save(request: Request, viewer: Viewer, draft: Draft) -> Response:
    parts = parts_of(request)

    def saved(now: Preferences) -> Preferences:
        rule = read_rule(draft.written(), preferences=now, filters=parts.filters)
        if draft.id:
            return edits.replace_rule(now, rule, etag=draft.etag)
        return edits.add_rule(now, rule)

    try:
        await change(parts, viewer.name, saved, by=viewer.name)
    except PreferencesError as error:
        sheet = Sheet(draft, refused=refused(error, draft), touched=True)
        return await _page(request, viewer, await preferences_of(parts, viewer), sheet, 422)
    except (edits.Changed, edits.NotThere):
        return await _changed(request, viewer, draft)
    return go("/rules", "saved")


async def _changed(request: Request, viewer: Viewer, draft: Draft) -> Response:
    preferences = await preferences_of(parts_of(request), viewer)
    now = next((rule for rule in preferences.rules if rule.id == draft.id), None)
    # Whoever saves once more has seen what is there, and means to replace it.
    etag = edits.etag_of(now) if now else ""
    said = "somebody changed this rule" if now else "somebody deleted this rule"
    draft = replace(draft, id=now.id if now else "", etag=etag)
    refusal = Refused("", "Not saved", f"{said} while you were editing it")
    sheet = Sheet(draft, refused=refusal, saved=now, touched=True)
    return await _page(request, viewer, preferences, sheet, 409)


async def _page(
    request: Request, viewer: Viewer, preferences: Preferences, sheet: Sheet, status: int = 200
) -> Response:
    parts = parts_of(request)
    saved = next((rule for rule in preferences.rules if rule.id == sheet.draft.id), None)
    return show(
        request,
        "editor.html",
        viewer=viewer,
        status=status,
        sheet=sheet,
        draft=sheet.draft,
        outlook=sheet.outlook,
        rule=saved,
        clauses=[each.clause(parts.filters) for each in sheet.draft.filters],
        loses=bool(saved and not sheet.touched and not sheet.draft.keeps(saved)),
        saved_sentence=sentence(sheet.saved) if sheet.saved else "",
        kinds=questions(parts.filters).values(),
        destinations=preferences.destinations,
        offered=await _offered(parts, sheet.draft),
        now=parts.now(),
        web_address=web_address,
    )


async def _offered(parts: Parts, draft: Draft) -> Mapping[Field, list[Seen]]:
    controls = (control for each in draft.filters for control in each.question.controls)
    asked = dict.fromkeys(control.suggests for control in controls if control.suggests)
    async with reading(parts.engine) as connection:
        return {field: await seen(connection, field, limit=OFFERED) for field in asked}
