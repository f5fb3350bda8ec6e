"""Lists in pages: marks that say where the next page begins, and the header that leads there."""

import base64
import json
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request

from fmn.web.api.problems import refused
from fmn.web.moments import read_moment

MOST = 100
USUAL = 50

PRINTED = r"^[^\x00-\x1f\x7f]*$"
"""What text that goes into a query looks like: no database takes all of the others."""
Printed = Annotated[str, Query(max_length=255, pattern=PRINTED)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many on this page.")]
LINK = {"Link": 'The next page, as `rel="next"`; missing on the last.'}

Place = tuple[datetime, str]
"""When the last one on a page was, and its key."""


def mark(place: Place) -> str:
    """Return an opaque mark for a place in a list."""
    at, key = place
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), key]).encode()).decode()


def place_of(mark: str) -> Place:
    """Return the place that a mark stands for. Raises Problem where it is none of ours."""
    try:
        at, key = json.loads(base64.b64decode(mark, altchars=b"-_", validate=True))
        place = read_moment(at), key
    except (ValueError, TypeError, RecursionError):
        raise _none() from None
    if not isinstance(key, str) or not key.isprintable():
        raise _none()
    return place


def link(request: Request, **more: str | None) -> dict[str, str]:
    """Return the header that leads to the next page; nothing where there is none."""
    if None in more.values():
        return {}
    query = urlencode(dict(request.query_params) | more)
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


def _none() -> Exception:
    return refused("after", "expected `next` of the page before")
