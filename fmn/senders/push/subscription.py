"""Subscriptions: where a browser or an app is reached, and the keys that only it can open."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]  # it has no types
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from fmn.egress import Network, fault

ADDRESS = re.compile(r"([^\s#]+)#p256dh=([A-Za-z0-9_-]+)=*&auth=([A-Za-z0-9_-]+)=*")
"""The endpoint, and in its fragment, which is never sent, the keys."""
PATTERN = "{endpoint}#p256dh={p256dh}&auth={auth}"

POINT = 65
"""Bytes of an uncompressed point of P-256: RFC 8291, 3.1."""
SECRET = 16
"""Bytes of the authentication secret: RFC 8291, 3.2."""
RECORD = 4096
"""Bytes that every push service takes: RFC 8030, 7.2."""
PLAIN = RECORD - (16 + 4 + 1 + POINT) - 16 - 1
"""Bytes of text in one record: without its header, the tag and the mark of the end. RFC 8291, 4."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser or an app gave us, so that we may push to it."""

    endpoint: str = field(repr=False)
    """Whoever knows it may push there: as secret as the keys."""
    p256dh: bytes
    """Its public key, as a point."""
    auth: bytes = field(repr=False)

    @classmethod
    def of(cls, address: str) -> Self:
        """Read an address. Raises ValueError, which says what is wrong with it."""
        found = ADDRESS.fullmatch(address)
        if not found:
            raise ValueError("not a subscription: https://HOST/PATH#p256dh=KEY&auth=KEY")
        endpoint, p256dh, auth = found.groups()
        subscription = cls(endpoint, _decoded(p256dh), _decoded(auth))
        subscription._check_keys()
        return subscription

    @property
    def origin(self) -> str:
        """Scheme, host and port of the push service: RFC 6454, 6.2."""
        return str(URL(self.endpoint).origin())

    def fault(self, allowed: Sequence[Network]) -> str | None:
        """Return why nothing can be pushed there; networks of ours are `allowed` to be reached."""
        if why := fault(self.endpoint, allowed):
            return why
        if not allowed and not self.endpoint.lower().startswith("https://"):
            return "not an https:// address, which a push service must have"  # RFC 8030, 8
        return None

    def sealed(self, plain: bytes) -> bytes:
        """Return this, at most PLAIN bytes, so that only the subscriber can read it: RFC 8291."""
        sealed: bytes = http_ece.encrypt(
            plain,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=self.p256dh,
            auth_secret=self.auth,
            rs=RECORD,
            version="aes128gcm",
        )
        return sealed

    def _check_keys(self) -> None:
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.p256dh)
        except ValueError:
            on_curve = False
        else:
            on_curve = len(self.p256dh) == POINT  # not compressed
        if not on_curve:
            raise ValueError(f"p256dh is no public key: a point of P-256 in {POINT} bytes")
        if len(self.auth) != SECRET:
            raise ValueError(f"auth is no secret of {SECRET} bytes")


def host_of(url: str) -> str:
    """Return the host of an address, to name it; empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""
