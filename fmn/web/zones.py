"""Time zones that people may choose: the names of the IANA database."""

from functools import cache
from zoneinfo import available_timezones

from fmn.preferences.written import refusal

NO_ZONES = {"Factory", "localtime", "posixrules"}


def zone_named(typed: str) -> str:
    """Return the zone that was typed, empty for none. Raises FieldError."""
    if typed and typed not in _known():
        raise refusal("", ("time_zone",), "there is no such time zone: choose one of the list")
    return typed


@cache
def offered() -> tuple[str, ...]:
    """Return the zones to choose from: places, and UTC."""
    places = (zone for zone in _known() if "/" in zone and not zone.startswith("Etc/"))
    return ("UTC", *sorted(places))


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones() - NO_ZONES)
