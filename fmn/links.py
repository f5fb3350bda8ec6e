"""Signed links: what whoever holds one may do, without a login.

A token is bound to one purpose and expires. What it allows stands in it, so nothing is looked up
to check it, and nothing private stands in it. Signing: itsdangerous, HMAC-SHA256.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta
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

    def _serializer(self, purpose: type[Purpose]) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._secret,
            salt=f"fmn {purpose.__name__}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
