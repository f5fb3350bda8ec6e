"""What operators see of people: who there is, their rules, and stopping a rule with a reason.

Addresses are never shown. Each look at somebody else's rules, and each rule stopped, is audited.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from fmn.model import RuleId
from fmn.preferences import edits
from fmn.preferences.sentence import sentence
from fmn.preferences.values import Preferences
from fmn.storage import audit
from fmn.storage.accounts import Account, account, accounts
from fmn.storage.engine import reading, writing
from fmn.storage.preferences import load_user
from fmn.web.changing import change
from fmn.web.forms import Posted
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Operator, Viewer, parts_of
from fmn.web.showing import go, show

NAMES = 50
"""Names on one page."""
RULES = 50
"""Rules on one page."""
REASON = 300
"""Characters of a reason at most."""

router = APIRouter(prefix="/admin/users")

Text = Annotated[str, Query(max_length=255)]


@dataclass(frozen=True, slots=True)
class Theirs:
    """Somebody and what is theirs."""

    account: Account
    preferences: Preferences


@dataclass(frozen=True, slots=True)
class Refused:
    """A reason that is none: for which rule, what was typed, what is wrong with it."""

    rule: RuleId
    typed: str
    fault: str


@router.get("")
async def users(
    request: Request, viewer: Operator, parts: Here, q: Text = "", after: Text = ""
) -> Response:
    """Show who there is, by name."""
    async with reading(parts.engine) as connection:
        found = await accounts(connection, search=q.strip(), after=after, limit=NAMES + 1)
    some, more = found[:NAMES], len(found) > NAMES
    return show(
        request, "admin_users.html", viewer=viewer, found=some, more=more, after=after, q=q.strip()
    )


@router.get("/{name:path}")
async def user(
    request: Request,
    viewer: Operator,
    parts: Here,
    name: str,
    start: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """Show somebody's rules as sentences, and where they hear, without addresses."""
    theirs = await look(parts, viewer, name)
    return _page(request, viewer, theirs, start=start)


@router.post("/{name:path}/rules/{rule}/stop")
async def stop(
    request: Request, viewer: Operator, form: Posted, name: str, rule: RuleId
) -> Response:
    """Stop a rule, with a reason that its owner reads."""
    parts = parts_of(request)
    theirs = await look(parts, viewer, name)
    reason = " ".join(form.one("reason").split())
    if fault := fault_of(reason):
        return _page(request, viewer, theirs, refused=Refused(rule, reason, fault))
    await block(parts, viewer, theirs, rule, reason)
    return go(f"/admin/users/{quote(name)}", "saved")


@router.post("/{name:path}/rules/{rule}/allow")
async def allow(viewer: Operator, parts: Here, form: Posted, name: str, rule: RuleId) -> Response:  # noqa: ARG001  # the form proves that it is ours
    """Let a rule go on that an operator stopped."""
    await block(parts, viewer, await look(parts, viewer, name), rule, "")
    return go(f"/admin/users/{quote(name)}", "saved")


async def look(parts: Parts, viewer: Viewer, name: str) -> Theirs:
    """Return what is somebody's, and note in the audit log that the viewer saw it."""
    async with reading(parts.engine) as connection:
        theirs = await account(connection, name)
        preferences = await load_user(connection, name, parts.filters)
    if theirs is None or preferences is None:
        raise HTTPException(404)
    if theirs.id != viewer.account.id:
        async with writing(parts.engine) as connection:
            await audit.note(connection, by=viewer.name, action="looked at rules", about=name)
    return Theirs(theirs, preferences)


async def block(parts: Parts, viewer: Viewer, theirs: Theirs, rule: RuleId, reason: str) -> None:
    """Stop a rule for this reason, or let it go on for none. Raises NotThere."""
    name = edits.rule_of(theirs.preferences, rule).name
    # Noted before: nothing is ever done to somebody's rules that the audit log does not have.
    async with writing(parts.engine) as connection:
        await audit.note(
            connection,
            by=viewer.name,
            action="stopped a rule" if reason else "let a rule go on",
            about=theirs.account.name,
            detail=f"{name}: {reason}" if reason else name,
        )
    await change(
        parts,
        theirs.account.name,
        lambda preferences: edits.block_rule(preferences, rule, reason),
        by=viewer.name,
    )


def fault_of(reason: str) -> str:
    """Return what is wrong with a reason; empty where nothing is."""
    if not reason:
        return "Say why: the owner of the rule reads it."
    return f"At most {REASON} characters; these are {len(reason)}." if len(reason) > REASON else ""


def _page(
    request: Request,
    viewer: Viewer,
    theirs: Theirs,
    *,
    start: int = 0,
    refused: Refused | None = None,
) -> Response:
    rules = theirs.preferences.rules
    if refused:
        start = next((i for i, rule in enumerate(rules) if rule.id == refused.rule), 0)
        start -= start % RULES
    return show(
        request,
        "admin_user.html",
        viewer=viewer,
        status=422 if refused else 200,
        theirs=theirs.account,
        rules=[(rule, sentence(rule)) for rule in rules[start : start + RULES]],
        total=len(rules),
        start=start,
        next=start + RULES,
        destinations=theirs.preferences.destinations,
        now=parts_of(request).now(),
        longest=REASON,
        refused=refused,
    )
