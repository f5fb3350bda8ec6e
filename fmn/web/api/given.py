"""What is sent about a destination, read; each raises Problem or FieldError where it is wrong."""

from collections.abc import Sequence
from datetime import datetime

from fmn.model import Destination
from fmn.web.api.bodies import Written
from fmn.web.api.problems import refused
from fmn.web.destinations.adding import read
from fmn.web.destinations.giving import offer_of
from fmn.web.destinations.pausing import LONGEST
from fmn.web.moments import read_moment
from fmn.web.parts import Parts
from fmn.web.sessions import Viewer

KEYS = ("name", "kind", "address", "form", "fields")


def read_destination(parts: Parts, viewer: Viewer, written: Written) -> Destination:
    """Return a destination, unconfirmed; its address as one text, or by the fields of a form."""
    _check_keys(written, KEYS)
    name = written.pop("name", None)
    if not isinstance(name, str):
        raise refused("name", "expected a string")
    form, fields = written.pop("form", ""), written.pop("fields", None)
    if fields is not None:
        written["address"] = _address(parts, written, form, fields)
    return read(parts, viewer.name, name, written)


def read_code(written: Written) -> str:
    """Return what shall be the code."""
    _check_keys(written, ("code",))
    typed = written.get("code")
    if not isinstance(typed, str):
        raise refused("code", "expected a string")
    return typed


def read_until(written: Written, now: datetime) -> datetime | None:
    """Return when a pause shall end; None for no end."""
    _check_keys(written, ("until",))
    said = written.get("until")
    if said is None:
        return None
    try:
        until = read_moment(said)
    except ValueError:
        raise refused("until", "expected a time, with its zone: 2026-12-24T18:00:00Z") from None
    if not now < until <= now + LONGEST:
        raise refused("until", f"expected a time to come, within {LONGEST.days} days")
    return until


def _address(parts: Parts, written: Written, form: object, fields: object) -> str:
    """Return the address that fields make. Raises Problem, FieldError."""
    if "address" in written:
        raise refused("fields", "expected `address` or `fields`, not both")
    if not isinstance(form, str):
        raise refused("form", "expected a string")
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        raise refused("fields", "expected an object of strings")
    return offer_of(parts, str(written.get("kind")), form).address(fields)


def _check_keys(written: Written, known: Sequence[str]) -> None:
    if unknown := [name for name in written if name not in known]:
        raise refused(unknown[0], f"there is no such key; known: {', '.join(known)}")
