"""Home: what reached you lately and why, how much it was, and what needs a hand."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fmn.model import DestinationState
from fmn.rules.rule import Rule
from fmn.storage.engine import reading
from fmn.storage.lookback import Reached, daily, daily_by_kind, reached, sent_since
from fmn.web.destinations.addresses import web_address
from fmn.web.destinations.places import place_of
from fmn.web.history.figures import by_kind, by_rule, days_until
from fmn.web.mine import preferences_of
from fmn.web.moments import read_moment
from fmn.web.parts import Parts
from fmn.web.sessions import Here, Viewer, Visitor
from fmn.web.showing import go, show, zone_of

PAGE = 25
"""Notifications on one page."""
DAYS = 14
"""Days in the charts."""

router = APIRouter()


@router.get("/")
async def home(request: Request, parts: Here, viewer: Visitor, before: str = "") -> Response:
    """Show what reached the viewer, or to nobody what fmn is."""
    if viewer is None and parts.settings.login == "local":
        return go("/login")
    if viewer is None:
        return show(request, "welcome.html", viewer=None)
    lately = await _lately(parts, viewer, before)
    figures = {} if before else await _figures(parts, viewer, lately["rules"])
    return show(request, "home.html", viewer=viewer, **lately, **figures)


async def _lately(parts: Parts, viewer: Viewer, before: str) -> dict[str, Any]:
    user, now = viewer.account.id, parts.now()
    async with reading(parts.engine) as connection:
        found = await reached(connection, user, before=_place(before), limit=PAGE + 1)
    mine = await preferences_of(parts, viewer)
    return {
        "reached": found[:PAGE],
        "older": _named(found[PAGE - 1]) if len(found) > PAGE else "",
        "is_first": not before,
        "troubled": [
            place_of(parts, each)
            for each in mine.destinations
            if each.state_at(now) is not DestinationState.ACTIVE
        ],
        "blocked": [rule for rule in mine.rules if rule.blocked],
        "destinations": mine.destinations,
        "rules": mine.rules,
        "web_address": web_address,
    }


async def _figures(parts: Parts, viewer: Viewer, rules: Iterable[Rule]) -> dict[str, Any]:
    zone, user = zone_of(viewer), viewer.account.id
    days = days_until(parts.now().astimezone(zone).date(), days=DAYS)
    since = datetime.combine(days[0], time(), zone)
    async with reading(parts.engine) as connection:
        total = await sent_since(connection, user, since=since)
        counts = await daily(connection, user, since=since, zone=zone) if total else []
        kinds = await daily_by_kind(connection, user, since=since, zone=zone) if total else {}
    names = {rule.id: rule.name for rule in rules}
    charts = [by_rule(counts, days, names), by_kind(kinds, days)]
    return {"total": total, "days": DAYS, "charts": charts}


def _named(last: Reached) -> str:
    return f"{last.at.isoformat()} {last.key}"


def _place(named: str) -> tuple[datetime, str] | None:
    """Return from where to go on; from the beginning where the address was changed by hand."""
    at, _, key = named.partition(" ")
    try:
        return (read_moment(at), key) if key else None
    except ValueError:
        return None
