"""`/admin`: what operators see of people. Every look at what is somebody's is audited."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fmn.model import RuleId
from fmn.preferences import edits
from fmn.storage import audit as log
from fmn.storage.accounts import accounts
from fmn.storage.engine import reading
from fmn.web.api.bodies import Json, json_of
from fmn.web.api.caller import Operator
from fmn.web.api.document import gives, takes
from fmn.web.api.paging import LINK, USUAL, Limit, Printed, link
from fmn.web.api.problems import refused
from fmn.web.api.rules import rule_json
from fmn.web.api.shapes import people, preferences
from fmn.web.pages.admin_users import block as block_rule
from fmn.web.pages.admin_users import fault_of, look
from fmn.web.sessions import Here

router = APIRouter(prefix="/admin", tags=["admin"], default_response_class=Response)

Number = Annotated[int | None, Query(ge=1, lt=2**63, description="`next` of the page before.")]


@router.get(
    "/users",
    summary="List users",
    responses=gives(200, "One page of them.", people.Users, headers=LINK),
)
async def users(
    _: Operator, parts: Here, request: Request, search: Printed = "", after: Printed = ""
) -> Response:
    """Return users whose name contains the text, by name, in pages."""
    async with reading(parts.engine) as connection:
        found = await accounts(connection, search=search, after=after, limit=USUAL + 1)
    page = [{"name": each.name, "created": each.created} for each in found[:USUAL]]
    following = found[USUAL - 1].name if len(found) > USUAL else None
    return Json({"users": page, "next": following}, headers=link(request, after=following))


@router.get(
    "/users/{name:path}/rules",
    summary="Look at somebody's rules",
    responses=gives(200, "Their rules, without addresses.", preferences.Rules),
)
async def rules(viewer: Operator, parts: Here, name: str) -> Response:
    """Return the rules of a user. The audit log says that you looked."""
    theirs = await look(parts, viewer, name)
    return Json({"rules": [rule_json(rule) for rule in theirs.preferences.rules]})


@router.post(
    "/users/{name:path}/rules/{rule}/block",
    summary="Stop a rule",
    responses=gives(200, "The rule as it is now.", preferences.Rule),
    openapi_extra=takes(people.Reason, {"reason": "It sends a mail a second."}),
)
async def block(
    viewer: Operator, parts: Here, request: Request, name: str, rule: RuleId
) -> Response:
    """Stop a rule of a user, with a reason that the user reads. The audit log says so."""
    written = await json_of(request)
    if unknown := [key for key in written if key != "reason"]:
        raise refused(unknown[0], "there is no such key; known: reason")
    reason = written.get("reason")
    if not isinstance(reason, str):
        raise refused("reason", "expected a string")
    reason = " ".join(reason.split())
    if fault := fault_of(reason):
        raise refused("reason", fault)
    return await _blocked(viewer, parts, name, rule, reason)


@router.post(
    "/users/{name:path}/rules/{rule}/unblock",
    summary="Let a rule go on",
    responses=gives(200, "The rule as it is now.", preferences.Rule),
)
async def unblock(viewer: Operator, parts: Here, name: str, rule: RuleId) -> Response:
    """Let a rule go on that an operator stopped. The audit log says so."""
    return await _blocked(viewer, parts, name, rule, "")


@router.get(
    "/audit",
    summary="Read the audit log",
    responses=gives(200, "One page of it.", people.AuditEntries, headers=LINK),
)
async def audit(
    _: Operator, parts: Here, request: Request, before: Number = None, limit: Limit = USUAL
) -> Response:
    """Return who looked at or changed what is somebody else's, the newest first, in pages."""
    async with reading(parts.engine) as connection:
        found = await log.entries(connection, before=before, limit=limit + 1)
    following = found[limit - 1].number if len(found) > limit else None
    said = {"entries": [asdict(each) for each in found[:limit]], "next": following}
    return Json(said, headers=link(request, before=str(following) if following else None))


async def _blocked(viewer: Operator, parts: Here, name: str, rule: RuleId, reason: str) -> Response:
    theirs = await look(parts, viewer, name)
    await block_rule(parts, viewer, theirs, rule, reason)
    after = await look(parts, viewer, name)
    return Json(rule_json(edits.rule_of(after.preferences, rule)))
