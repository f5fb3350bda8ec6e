"""Signed links, and codes: what whoever holds one may do, without a login.

A token is bound to one purpose and expires. What it allows stands in it, so nothing is looked up
to check it, and nothing private stands in it. Signing: itsdangerous, HMAC-SHA256.
"""

import base64
import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, cast

from itsdangerous import BadData, URLSafeTimedSerializer

from fmn.errors import FmnError
from fmn.model import DestinationId, RuleId


class BadLink(FmnError):
    """The link does not work any more: it is too old, or was cut when it was copied."""


@dataclass(frozen=True, slots=True)
class Stop:
    """In the footer of a mail: stop these rules for this destination, or pause it."""

    destination: DestinationId
    rules: tuple[RuleId, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """On the page after a stop: bring back what it took, and no more."""

    destination: DestinationId
    rules: tuple[RuleId, ...]
    """Those that lost the destination."""
    off: tuple[RuleId, ...] = ()
    """Those that were turned off."""
    marks: tuple[str, ...] = ()
    """What each of these said then: a rule that was changed since stays off."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Sent to an address: whoever opens it reads what is sent there."""

    destination: DestinationId


Purpose = Stop | Undo | Confirm
P = TypeVar("P", Stop, Undo, Confirm)


class Links:
    """Signs links and reads them back. Without a public address or a secret there are none."""

    def __init__(
        self, url: str = "", secret: str = "", lifetime: timedelta = timedelta(days=90)
    ) -> None:
        self.url = url
        self._secret = secret
        self._lifetime = lifetime.total_seconds()

    @property
    def are_there(self) -> bool:
        """Tell whether links can be made."""
        return bool(self.url and self._secret)

    def token(self, purpose: Purpose) -> str:
        """Return a token for this; empty where there are no links."""
        if not self.are_there:
            return ""
        return self._serializer(type(purpose)).dumps(list(asdict(purpose).values()))

    def address(self, purpose: Purpose) -> str:
        """Return the whole address of a link for this; empty where there are no links."""
        token = self.token(purpose)
        return token and self.start(type(purpose)) + token

    def start(self, purpose: type[Purpose]) -> str:
        """Return what stands before the token in the address of a link."""
        return f"{self.url}/{purpose.__name__.lower()}/"

    def read(self, purpose: type[P], token: str, *, lifetime: timedelta | None = None) -> P:
        """Return what a token of this purpose allows. Raises BadLink."""
        age = lifetime.total_seconds() if lifetime else self._lifetime
        try:
            values: list[Any] = self._serializer(purpose).loads(token, max_age=int(age))
        except (BadData, UnicodeError):
            raise BadLink from None
        if not self._secret:
            raise BadLink
        made: Any = purpose
        return cast(P, made(*(tuple(v) if isinstance(v, list) else v for v in values)))

    def code(self, destination: DestinationId, now: datetime) -> str:
        """Return what proves that somebody reads what is sent there: `K7QX-3MZA`.

        It works until the end of the next day, UTC. Whoever checks it limits how often people may
        guess: there are 2^40 of them. Empty without a secret.
        """
        return self._code(destination, now.date()) if self._secret else ""

    def is_code(self, destination: DestinationId, typed: str, now: datetime) -> bool:
        """Tell whether this is the code of today or yesterday, however it was typed."""
        plain = "".join(typed.upper().split()).replace("-", "").encode(errors="replace")
        days = (now.date(), (now - timedelta(days=1)).date())
        codes = [self._code(destination, day).replace("-", "").encode() for day in days]
        return bool(self._secret) and any(hmac.compare_digest(plain, code) for code in codes)

    def _code(self, destination: DestinationId, day: date) -> str:
        said = f"fmn Code {destination} {day.isoformat()}".encode()
        digest = hmac.digest(self._secret.encode(), said, "sha256")
        code = base64.b32encode(digest)[:8].decode()
        return f"{code[:4]}-{code[4:]}"

    def _serializer(self, purpose: type[Purpose]) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._secret,
            salt=f"fmn {purpose.__name__}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
