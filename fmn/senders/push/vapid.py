"""VAPID: what tells a push service who we are, by a key of our own. RFC 8292."""

import base64
import time
from collections.abc import Callable
from typing import Any

import py_vapid.jwt  # type: ignore[import-untyped]  # it has no types
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

LASTS = 12 * 3600
"""Seconds; a day at most: RFC 8292, 2."""
EARLY = 3600
"""Seconds before its end a signature is renewed: clocks differ, and a push takes its time."""
MOST = 1000
"""Push services whose signature is kept."""
RAW = 32
"""Bytes of a bare private key."""


class Vapid:
    """Signs for one push service after the other, with the same key."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, contact: str, now: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._contact = contact
        self._now = now
        self._signed: dict[str, tuple[str, float]] = {}
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        """As a point, in base64url: what a page subscribes with."""

    def header(self, origin: str) -> str:
        """Return the value of Authorization for this push service; signed anew twice a day."""
        header, until = self._signed.get(origin, ("", 0.0))
        if self._now() < until:
            return header
        if len(self._signed) >= MOST:
            self._signed.clear()
        end = self._now() + LASTS
        header = self._sign(origin, int(end))
        self._signed[origin] = (header, end - EARLY)
        return header

    def _sign(self, origin: str, end: int) -> str:
        claims: dict[str, Any] = {"aud": origin, "exp": end}
        if self._contact:
            claims["sub"] = self._contact
        return f"vapid t={py_vapid.jwt.sign(claims, self._key)},k={self.public_key}"


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key of P-256: PEM, or base64url of its 32 bytes or of DER.

    Raises ValueError, without a word of the key.
    """
    try:
        key = _read(text.strip())
    except (ValueError, TypeError):  # cryptography says TypeError of an encrypted key
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("no private key of P-256, as PEM or base64url")


def _read(text: str) -> object:
    if text.startswith("-----BEGIN"):
        return load_pem_private_key(text.encode(), password=None)
    plain = "".join(text.split()).rstrip("=")
    raw = base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    if len(raw) == RAW:
        return ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())
    return load_der_private_key(raw, password=None)
