"""For how long people may pause: the choices of every page that offers it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from fastapi import HTTPException

LENGTHS: Mapping[str, tuple[str, timedelta | None]] = {
    "hour": ("1 hour", timedelta(hours=1)),
    "day": ("1 day", timedelta(days=1)),
    "week": ("1 week", timedelta(weeks=1)),
    "open": ("until I resume", None),
}
"""Word in a form → words for people, and how long; None: no end."""

LONGEST = timedelta(days=366)
"""A pause with an end lasts a year at most; the longest year has so many days."""

EVERYTHING = "everything"
"""Reason of a pause of all destinations."""
LINK = "by the link in a mail"
"""Reason of a pause by somebody who held a mail."""


def end_of(length: str, now: datetime) -> datetime | None:
    """Return when a pause of this length ends; None where it has no end."""
    if length not in LENGTHS:
        raise HTTPException(422, f"for: expected one of {', '.join(LENGTHS)}")
    lasts = LENGTHS[length][1]
    return now + lasts if lasts else None
