"""`/rules`: what one wants to hear."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from fmn.model import RuleId
from fmn.preferences import edits
from fmn.preferences.codec import read_rule, write_rule
from fmn.preferences.sentence import sentence
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from fmn.storage.editing import Change
from fmn.web.api.bodies import Json, Matches, Written, json_of, matching, required
from fmn.web.api.caller import Reader, Writer
from fmn.web.api.document import MUST, fails, gives, takes
from fmn.web.api.problems import refused
from fmn.web.api.shapes import history, preferences
from fmn.web.api.written import preview_json
from fmn.web.changing import change
from fmn.web.editor.preview import preview
from fmn.web.editor.turns import InTurn
from fmn.web.mine import preferences_of, restore_rule
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Viewer
from fmn.web.showing import zone_of

ETAG = {"ETag": "A mark of what the rule says, for `If-Match`."}
EXAMPLE = {
    "name": "My packages, when something breaks",
    "filters": [
        {"kind": "owner", "users": ["me"], "groups": ["mine"]},
        {"kind": "severity", "at_least": "warning"},
    ],
    "destinations": ["email"],
}
IF_MATCH = "The ETag of the rule as you saw it, or `*` for whatever it says."

MaySee = Annotated[str | None, Header(alias="If-Match", description=IF_MATCH)]
MustSee = Annotated[
    str | None, Header(alias="If-Match", description=IF_MATCH, json_schema_extra={MUST: True})
]

router = APIRouter(prefix="/rules", tags=["rules"], default_response_class=Response)


@router.get("", summary="List your rules", responses=gives(200, "Your rules.", preferences.Rules))
async def list_rules(viewer: Reader, parts: Here) -> Response:
    """Return all of your rules, in your order."""
    mine = await preferences_of(parts, viewer)
    return Json({"rules": [rule_json(rule) for rule in mine.rules]})


@router.post(
    "",
    status_code=201,
    summary="Add a rule",
    responses=gives(
        201, "The new rule.", preferences.Rule, headers=ETAG | {"Location": "Where it is."}
    ),
    openapi_extra=takes(preferences.RuleBody, EXAMPLE),
)
async def add(viewer: Writer, parts: Here, request: Request) -> Response:
    """Add a rule at the end of yours."""
    written = await json_of(request)
    written.pop("id", None)

    def edit(mine: Preferences) -> Preferences:
        return edits.add_rule(mine, _read(parts, mine, written))

    saved = await change(parts, viewer.name, edit, by=viewer.name)
    rule = saved.rules[-1]
    return _told(rule, 201, {"Location": f"{request.url.path}/{rule.id}"})


@router.post(
    "/preview",
    summary="What would it have sent?",
    responses=gives(200, "What it would have sent.", history.Preview) | fails(429),
    openapi_extra=takes(preferences.RuleBody, EXAMPLE),
)
async def try_out(viewer: Reader, parts: Here, turns: InTurn, request: Request) -> Response:
    """Judge a rule by the messages of the last days, without saving anything.

    With the `id` of one of your rules it is taken as a change of that.
    """
    written = await json_of(request)
    async with turns.take(viewer.name):
        mine = await preferences_of(parts, viewer)
        draft = await asyncio.to_thread(_read, parts, mine, written)
        found = await preview(parts, mine, draft, zone=zone_of(viewer))
    return Json(preview_json(found))


@router.get(
    "/{rule}",
    summary="Read a rule",
    responses=gives(200, "The rule.", preferences.Rule, headers=ETAG),
)
async def read(viewer: Reader, parts: Here, rule: RuleId) -> Response:
    """Return one of your rules."""
    return _told(edits.rule_of(await preferences_of(parts, viewer), rule))


@router.put(
    "/{rule}",
    summary="Change a rule",
    responses=gives(200, "The rule as it is now.", preferences.Rule, headers=ETAG),
    openapi_extra=takes(preferences.RuleBody, EXAMPLE),
)
async def replace(
    viewer: Writer, parts: Here, request: Request, rule: RuleId, if_match: MustSee = None
) -> Response:
    """Put another in the place of a rule, which keeps its id."""
    seen = required(if_match)
    written = await json_of(request) | {"id": rule}

    def edit(mine: Preferences) -> Preferences:
        return edits.replace_rule(mine, _read(parts, mine, written))

    return await _change(viewer, parts, rule, guarded(rule, seen, edit))


@router.patch(
    "/{rule}",
    summary="Turn a rule on or off",
    responses=gives(200, "The rule as it is now.", preferences.Rule, headers=ETAG),
    openapi_extra=takes(preferences.Switch, {"enabled": False}),
)
async def switch(
    viewer: Writer, parts: Here, request: Request, rule: RuleId, if_match: MaySee = None
) -> Response:
    """Turn a rule on or off; nothing else of it changes."""
    written = await json_of(request)
    if unknown := [name for name in written if name != "enabled"]:
        raise refused(unknown[0], "only `enabled` can be changed here; use PUT for the rest")
    enabled = written.get("enabled")
    if not isinstance(enabled, bool):
        raise refused("enabled", "expected true or false")

    def edit(mine: Preferences) -> Preferences:
        return edits.switch_rule(mine, rule, enabled=enabled)

    return await _change(viewer, parts, rule, guarded(rule, matching(if_match), edit))


@router.delete(
    "/{rule}",
    status_code=204,
    summary="Delete a rule",
    responses=gives(204, "It is gone; it can be restored."),
)
async def delete(viewer: Writer, parts: Here, rule: RuleId, if_match: MustSee = None) -> Response:
    """Take a rule away."""
    edit = guarded(rule, required(if_match), lambda mine: edits.delete_rule(mine, rule))
    await change(parts, viewer.name, edit, by=viewer.name)
    return Response(status_code=204)


@router.post(
    "/{rule}/restore",
    summary="Restore a deleted rule",
    responses=gives(200, "The rule, at the end of yours.", preferences.Rule, headers=ETAG),
)
async def restore(viewer: Writer, parts: Here, rule: RuleId) -> Response:
    """Bring back a rule that you deleted, with those of its destinations that are left."""
    return _told(edits.rule_of(await restore_rule(parts, viewer, rule), rule))


def guarded(rule: RuleId, seen: Matches, edit: Change) -> Change:
    """Return the edit, which raises Changed where the rule is none that was seen."""

    def guard(mine: Preferences) -> Preferences:
        if not seen(edits.etag_of(edits.rule_of(mine, rule))):
            raise edits.Changed(rule)
        return edit(mine)

    return guard


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as it is written, and what is known of it."""
    known = {"sentence": sentence(rule), "origin": rule.origin, "blocked": rule.blocked}
    return {"enabled": True, "everything": False} | write_rule(rule) | known


async def _change(viewer: Viewer, parts: Parts, rule: RuleId, edit: Change) -> Response:
    saved = await change(parts, viewer.name, edit, by=viewer.name)
    return _told(edits.rule_of(saved, rule))


def _told(rule: Rule, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    etag = {"ETag": f'"{edits.etag_of(rule)}"'}
    return Json(rule_json(rule), status, etag | (headers or {}))


def _read(parts: Parts, mine: Preferences, written: Written) -> Rule:
    # What is only told about a rule may come back with it.
    told = {"sentence", "origin", "blocked"}
    said = {name: value for name, value in written.items() if name not in told}
    return read_rule(said, preferences=mine, filters=parts.filters)
