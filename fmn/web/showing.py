"""Showing a page: the templates, what all of them know, and how a page ends after a form."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse

from fmn.web.sessions import Viewer, parts_of

SAID = {
    "saved": "Saved.",
    "deleted": "Deleted.",
    "replayed": "Back in its queue: it is tried anew.",
    "dropped": "Thrown away.",
    "gone": "It was not there any more.",
    "restored": "It is back.",
    "sent": "On its way: look where it should arrive.",
    "confirmed": "Confirmed: this destination hears of your messages now.",
    "subscribed": "This browser is one of your destinations already.",
    "paused": "Paused.",
    "resumed": "Going on.",
    "revoked": "That token works no more.",
    "imported": "Imported.",
    "reset": "The default rules are back.",
    "busy": Markup('<span class="problem">That was too often: please try again later.</span>'),
    "signed-out": "You are signed out.",
    "away": Markup(
        '<span class="problem">Nothing can be sent just now. Try again in a minute.</span>'
    ),
}
"""What a page says after a form, by the word in its address; nothing else is ever said."""


def show(
    request: Request, page: str, *, viewer: Viewer | None, status: int = 200, **values: object
) -> HTMLResponse:
    """Return a page from its template; `said` in the address becomes a message on it."""
    said = SAID.get(request.query_params.get("said", ""), "")
    known: dict[str, object] = {
        "viewer": viewer,
        "said": said,
        "path": request.url.path,
        "zone": zone_of(viewer),
        "settings": parts_of(request).settings,
    }
    text = _environment().get_template(page).render(known | values)
    return HTMLResponse(text, status)


def go(to: str, said: str = "", **more: str) -> RedirectResponse:
    """Return the way to another page after a form, which says what was done."""
    values: Mapping[str, str] = ({"said": said} if said else {}) | more
    return RedirectResponse(f"{to}?{urlencode(values)}" if values else to, 303)


def zone_of(viewer: Viewer | None) -> ZoneInfo:
    """Return the time zone in which a viewer reads times: UTC until one is known."""
    try:
        return ZoneInfo((viewer and viewer.account.time_zone) or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return a time for people: to the minute, with its zone.

    Where no clock of that zone can show it, because years end at 9999, it stays as it is.
    """
    with suppress(OverflowError):
        at = at.astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M %Z}"


@cache
def static(name: str) -> str:
    """Return the address of a static file, with a mark of what is in it, so that it can be kept."""
    content = files("fmn.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fmn.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.globals["utc"] = UTC
    environment.globals["static"] = static
    return environment
