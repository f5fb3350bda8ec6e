"""Addresses at rest: sealed, because tokens and keys stand in some of them.

AES-SIV (RFC 5297), without a nonce: equal addresses stay equal, so the database can still refuse
the same one twice; that, and its length, is all it tells. What was written before there was a
secret is read as it stands, until `fmn db seal`.
"""

import base64
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from fmn.errors import ConfigError

SEALED = "\x1fsealed:"
"""How a sealed address begins. An address that people write has no control characters."""


class Seal:
    """Closes and opens addresses with a secret; without one it leaves them as they are."""

    def __init__(self, secret: str = "") -> None:
        key = hashlib.blake2b(secret.encode(), person=b"fmn addresses").digest()
        self._cipher = AESSIV(key) if secret else None

    def close(self, address: str) -> str:
        """Return what stands in the database."""
        if self._cipher is None or not address:
            return address
        raw = self._cipher.encrypt(address.encode(), None)
        return SEALED + base64.urlsafe_b64encode(raw).decode()

    def open(self, kept: str) -> str:
        """Return the address. Raises ConfigError where it was sealed with another secret."""
        if not kept.startswith(SEALED):
            return kept
        if self._cipher is None:
            raise ConfigError("storage.secret", "not set, but addresses were sealed with one")
        try:
            raw = base64.urlsafe_b64decode(kept.removeprefix(SEALED))
            return self._cipher.decrypt(raw, None).decode()
        except (InvalidTag, ValueError):
            another = "addresses were sealed with another one: set that one again"
            raise ConfigError("storage.secret", another) from None
