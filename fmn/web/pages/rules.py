"""The rules somebody has, each as one sentence, and how loud each is."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fmn.errors import PreferencesError
from fmn.model import RuleId
from fmn.preferences import edits
from fmn.preferences.defaults import with_defaults
from fmn.preferences.sentence import sentence
from fmn.preferences.values import Preferences
from fmn.rules.rule import Rule
from fmn.storage.editing import Change, deleted_rules
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.web.changing import change
from fmn.web.forms import Posted
from fmn.web.noise import Noise, noise_of
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
    async with reading(parts.engine) as connection:
        gone = await deleted_rules(connection, viewer.account.id, parts.filters)
    back = next((each for each in gone if each.id == rule), None)
    if back is None:
        raise edits.NotThere(f"deleted rule {rule}")
    if not back.destinations:
        problem = f"the rule {back.name!r} tells no destination any more: write it anew"
        return await _page(request, viewer, problem=problem)
    return await _edited(request, viewer, partial(edits.add_rule, rule=back), "restored")


async def _edited(request: Request, viewer: Viewer, edit: Change, said: str) -> Response:
    try:
        await change(parts_of(request), viewer.name, edit, by=viewer.name)
    except PreferencesError as error:
        return await _page(request, viewer, problem=getattr(error, "expected", str(error)))
    return go("/rules", said)


async def _page(request: Request, viewer: Viewer, *, start: int = 0, problem: str = "") -> Response:
    parts = parts_of(request)
    async with reading(parts.engine) as connection:
        found = await load_user(connection, viewer.name, parts.filters)
        gone = await deleted_rules(connection, viewer.account.id, parts.filters)
    preferences = found or Preferences(viewer.account.id, viewer.name)
    some = preferences.rules[start : start + PAGE]
    noise = await noise_of(parts, viewer.account.id, some, zone=zone_of(viewer))
    return show(
        request,
        "rules.html",
        viewer=viewer,
        status=409 if problem else 200,
        lines=[Line(rule, sentence(rule), noise[rule.id]) for rule in some],
        preferences=preferences,
        start=start,
        older=start + PAGE if len(preferences.rules) > start + PAGE else 0,
        deleted=[(rule, sentence(rule)) for rule in gone[:DELETED]],
        defaults=parts.defaults.rules,
        problem=problem,
    )
