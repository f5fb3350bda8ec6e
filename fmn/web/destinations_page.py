"""The page of destinations, to which several forms lead back when something is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.responses import Response

from fmn.model import DestinationId
from fmn.preferences.values import Preferences
from fmn.storage.engine import reading
from fmn.storage.lookback import last_word
from fmn.web.destinations.giving import offers
from fmn.web.destinations.pausing import LENGTHS
from fmn.web.destinations.places import place_of
from fmn.web.mine import preferences_of
from fmn.web.sessions import Viewer, parts_of
from fmn.web.showing import show

PAGE = 25
"""Destinations on one page."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A form of the page with which something is wrong."""

    at: str
    """Id of the element that is wrong."""
    label: str
    """What people call that."""
    words: str
    typed: Mapping[str, str] = field(default_factory=dict)
    """Id of a field → what was typed there; nothing secret."""
    offer: str = ""
    """Id of the form that adds, where it is that one."""
    about: DestinationId | None = None
    """The destination, where it is about one that is there."""


async def destinations_page(
    request: Request, viewer: Viewer, *, start: int = 0, refused: Refused | None = None
) -> Response:
    """Return the page, from this destination on; with a problem, where that is."""
    parts = parts_of(request)
    mine = await preferences_of(parts, viewer)
    async with reading(parts.engine) as connection:
        last = await last_word(connection, viewer.account.id)
    start = _page_of(mine, refused.about) if refused else start
    found = mine.destinations[start : start + PAGE]
    shown: dict[str, Any] = {
        "found": [place_of(parts, each, last.get(each.id)) for each in found],
        "rules": {each.id: sum(each in rule.destinations for rule in mine.rules) for each in found},
        "older": start + PAGE if len(mine.destinations) > start + PAGE else 0,
        "start": start,
        "offers": offers(parts),
        "push_key": parts.push_key,
        "refused": refused,
        "problem": (refused.at, refused.words) if refused else None,
        "lengths": {word: said for word, (said, _) in LENGTHS.items()},
    }
    status = 422 if refused else 200
    return show(request, "destinations.html", viewer=viewer, status=status, **shown)


def _page_of(mine: Preferences, id_: DestinationId | None) -> int:
    places = (at for at, each in enumerate(mine.destinations) if each.id == id_)
    return next(places, 0) // PAGE * PAGE
