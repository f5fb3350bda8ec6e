"""The rules somebody has, each as one sentence, and how loud each is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fmn.errors import FieldError, PreferencesError
from fmn.model import DestinationState, RuleId
from fmn.preferences import edits
from fmn.preferences.defaults import with_defaults
from fmn.preferences.sentence import sentence
from fmn.rules.rule import Rule
from fmn.rules.words import either
from fmn.storage.editing import Change, deleted_rules
from fmn.storage.engine import reading
from fmn.web.changing import change
from fmn.web.forms import Posted
from fmn.web.history.noise import FORTNIGHT, Noise, noise_of
from fmn.web.mine import preferences_of, restore_rule
from fmn.web.sessions import Here, SignedIn, Viewer, parts_of
from fmn.web.showing import go, show, zone_of

PAGE = 25
"""Rules on one page."""
DELETED = 10
"""Deleted rules to bring back."""

router = APIRouter(prefix="/rules")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule on the page."""

    rule: Rule
    sentence: str
    noise: Noise
    awaits: str
    """Destinations of which one must be confirmed before it tells anybody; empty where none."""


@router.get("")
async def rules(
    request: Request, viewer: SignedIn, start: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Response:
    """Show the viewer's rules."""
    return await _page(request, viewer, start=start)


@router.post("")
async def reset(request: Request, viewer: SignedIn, parts: Here, _: Posted) -> Response:
    """Bring the default rules back as they were."""
    edit = partial(with_defaults, defaults=parts.defaults)
    return await _edited(request, viewer, edit, "reset")


@router.post("/{rule}/on")
async def on(request: Request, viewer: SignedIn, rule: RuleId, _: Posted) -> Response:
    """Turn a rule on."""
    edit = partial(edits.switch_rule, rule=rule, enabled=True)
    return await _edited(request, viewer, edit, "saved")


@router.post("/{rule}/off")
async def off(request: Request, viewer: SignedIn, rule: RuleId, _: Posted) -> Response:
    """Turn a rule off."""
    edit = partial(edits.switch_rule, rule=rule, enabled=False)
    return await _edited(request, viewer, edit, "saved")


@router.post("/{rule}/delete")
async def delete(request: Request, viewer: SignedIn, rule: RuleId, _: Posted) -> Response:
    """Take a rule away; it can be brought back."""
    return await _edited(request, viewer, partial(edits.delete_rule, rule=rule), "deleted")


@router.post("/{rule}/restore")
async def restore(
    request: Request, viewer: SignedIn, parts: Here, rule: RuleId, _: Posted
) -> Response:
    """Bring a deleted rule back, at the end."""
    try:
        await restore_rule(parts, viewer, rule)
    except PreferencesError as error:
        return await _page(request, viewer, problem=_said(error))
    return go("/rules", "restored")


async def _edited(request: Request, viewer: Viewer, edit: Change, said: str) -> Response:
    try:
        await change(parts_of(request), viewer.name, edit, by=viewer.name)
    except PreferencesError as error:
        return await _page(request, viewer, problem=_said(error))
    return go("/rules", said)


def _said(error: PreferencesError) -> str:
    return error.expected if isinstance(error, FieldError) else str(error)


async def _page(request: Request, viewer: Viewer, *, start: int = 0, problem: str = "") -> Response:
    parts = parts_of(request)
    async with reading(parts.engine) as connection:
        gone = await deleted_rules(connection, viewer.account.id, parts.filters)
    preferences = await preferences_of(parts, viewer)
    now = parts.now()
    some = preferences.rules[start : start + PAGE]
    noise = await noise_of(parts, viewer.account.id, some, zone=zone_of(viewer))
    return show(
        request,
        "rules.html",
        viewer=viewer,
        status=409 if problem else 200,
        lines=[Line(rule, sentence(rule), noise[rule.id], _awaits(rule, now)) for rule in some],
        preferences=preferences,
        start=start,
        older=start + PAGE if len(preferences.rules) > start + PAGE else 0,
        # A rule that is not older than its user had no time yet to be silent.
        is_settled=viewer.account.created <= now - timedelta(days=FORTNIGHT),
        gone=gone[0] if gone and request.query_params.get("said") == "deleted" else None,
        deleted=[(rule, sentence(rule)) for rule in gone[:DELETED]],
        defaults=parts.defaults.rules,
        problem=problem,
    )


def _awaits(rule: Rule, now: datetime) -> str:
    states = {each.state_at(now) for each in rule.destinations}
    is_heard = not rule.enabled or rule.blocked or states != {DestinationState.UNCONFIRMED}
    return "" if is_heard else either(each.name for each in rule.destinations)
