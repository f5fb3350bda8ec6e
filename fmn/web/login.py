"""Login: who somebody is by what the provider says, and the account of whoever comes first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import TypeAdapter, ValidationError

from fmn.config import Web
from fmn.errors import ConfigError, FmnError, Unavailable
from fmn.model import Destination, DestinationId, DestinationState
from fmn.preferences.defaults import with_defaults
from fmn.preferences.edits import add_destination
from fmn.preferences.values import Preferences
from fmn.preferences.written import UserName
from fmn.storage.accounts import Account, account
from fmn.storage.editing import edit
from fmn.storage.engine import reading
from fmn.web.changing import told
from fmn.web.parts import Parts
from fmn.web.sessions import start

TRIES = 20
"""Steps of logins that one address may make in `WITHIN`."""
WITHIN = timedelta(minutes=5)
EMAIL = "email"
LONGEST = 1000
"""Characters of an address to come back to: it travels in a cookie."""


class LoginFailed(FmnError):
    """Nobody was signed in."""

    def __init__(self, reason: str, *, status: int = 400, details: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.details = details
        """For operators."""


ANYBODY = "with `login = local` whoever comes is an operator"


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in."""

    name: str
    is_admin: bool = False
    email: str = ""
    """Empty where it is not known."""
    email_is_proven: bool = False


def check_login(settings: Web, bind: str) -> None:
    """Raise ConfigError where people could not sign in, or anybody could."""
    if settings.login == "oidc":
        _check_oidc(settings)
        return
    if not settings.user:
        raise ConfigError("web.user", "it is missing; with `login = local` it is who signs in")
    if not is_loopback(bind):
        raise ConfigError(f"--bind {bind}", f"{ANYBODY}: bind to 127.0.0.1, or use oidc")
    if settings.url and not is_loopback(urlsplit(settings.url).hostname or ""):
        raise ConfigError("web.url", f"{ANYBODY}: expected an address of this machine, or use oidc")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine itself can come by this name or address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def person_of(claims: Mapping[str, Any], settings: Web) -> Person:
    """Return who that is by these claims. Raises LoginFailed where they name nobody."""
    name = claims.get(settings.name_claim)
    try:
        name = TypeAdapter(UserName).validate_python(name)
    except ValidationError:
        raise LoginFailed(
            "the provider gives you no name that fmn can use; ask its operators",
            status=403,
            details=f"{settings.name_claim}: {name!r:.300}",
        ) from None
    email = claims.get("email")
    return Person(
        name=name,
        is_admin=not _texts(claims.get(settings.groups_claim)).isdisjoint(settings.admin_groups),
        email=email if isinstance(email, str) else "",
        email_is_proven=claims.get("email_verified") is True,
    )


async def admit(parts: Parts, person: Person) -> str:
    """Start a session of this person, whose account is made at the first login.

    Returns the secret of the session. Raises PreferencesError, Unavailable.
    """
    theirs = await _account(parts, person.name)
    if theirs is None:
        await _make_account(parts, person)
        theirs = await _account(parts, person.name)
    if theirs is None:
        raise LoginFailed("your account was deleted just now: try again", status=409)
    return await start(parts, theirs.id, admin=person.is_admin)


def newcomer(parts: Parts, known: Preferences, person: Person) -> Preferences:
    """Return the preferences a new user begins with: an e-mail address and the default rules."""
    if known.destinations or known.rules:
        return known
    kind = parts.kinds.get(EMAIL)
    if person.email and kind and kind.fault(person.email) is None:
        known = add_destination(known, _email(person))
    return with_defaults(known, parts.defaults)


async def check_tries(parts: Parts, address: str) -> None:
    """Raise LoginFailed where somebody tries too often; without Redis nobody is counted."""
    try:
        may = await parts.queues.allowed("login", address, times=TRIES, within=WITHIN)
    except Unavailable:
        return
    if not may:
        raise LoginFailed("that was too often: wait a few minutes", status=429)


def same_site(path: str) -> str:
    """Return where to go after the login: this path if it is one of ours, else home."""
    own = path.startswith("/") and not path.startswith(("//", "/login", "/logout"))
    plain = path.isascii() and path.isprintable() and not set(path) & {" ", "\\"}
    return path if own and plain and len(path) <= LONGEST else "/"


def login_address(onward: str) -> str:
    """Return the address of the login page from which somebody comes back to this path."""
    onward = same_site(onward)
    return "/login" if onward == "/" else f"/login?{urlencode({'next': onward})}"


def _check_oidc(settings: Web) -> None:
    needed = {
        "url": settings.url,
        "secret": settings.secret.get_secret_value(),
        "oidc_url": settings.oidc_url,
        "oidc_client": settings.oidc_client,
    }
    if missing := [f"web.{key}" for key, value in needed.items() if not value]:
        raise ConfigError(", ".join(missing), "missing; without it nobody can sign in")
    provider = urlsplit(settings.oidc_url)
    if provider.scheme != "https" and not is_loopback(provider.hostname or ""):
        raise ConfigError("web.oidc_url", "expected an address that begins with https://")


def _texts(claim: object) -> frozenset[str]:
    listed = claim if isinstance(claim, list | tuple) else [claim]
    return frozenset(each for each in listed if isinstance(each, str))


async def _make_account(parts: Parts, person: Person) -> None:
    name, begun = person.name, partial(newcomer, parts, person=person)
    _, version = await edit(parts.engine, name, parts.filters, begun, by=name, make=True)
    if version:
        await told(parts, version)


async def _account(parts: Parts, name: str) -> Account | None:
    async with reading(parts.engine) as connection:
        return await account(connection, name)


def _email(person: Person) -> Destination:
    proven = person.email_is_proven
    return Destination(
        id=DestinationId(token_hex(8)),
        user=person.name,
        name=EMAIL,
        kind=EMAIL,
        address=person.email,
        state=DestinationState.ACTIVE if proven else DestinationState.UNCONFIRMED,
    )
