"""The return path: an address for each destination, to which its mails come back (VERP).

`bounces+<destination>-<seal>@example.org`. The seal shows that we made the address, so nobody
can have mails come back that were never sent.
"""

import hmac
import re

from pydantic import SecretStr

from fmn.model import DestinationId, Key, split_key
from fmn.senders.email.address import LONGEST_LOCAL_PART

SEAL = 10
"""Hexadecimal digits of the HMAC-SHA256."""

PLAIN_ID = re.compile(r"[a-z0-9_-]+")
"""A destination that can stand in an address as it is: on the way, capitals may change."""


class ReturnPath:
    """Makes the addresses and reads them back."""

    def __init__(self, address: str, secret: SecretStr) -> None:
        local, _, domain = address.rpartition("@")
        self._address = address
        self._local, self._domain = local, domain
        ours = rf"{re.escape(local)}\+([a-z0-9_-]+)-([0-9a-f]{{{SEAL}}})@{re.escape(domain)}"
        self._ours = re.compile(ours, re.IGNORECASE | re.ASCII)
        self._secret = secret.get_secret_value().encode()

    def sender(self, key: Key) -> str:
        """Return where a mail about this notification shall come back to."""
        destination = split_key(key)[1]
        local = f"{self._local}+{destination}-{self._seal(destination)}"
        if not PLAIN_ID.fullmatch(destination) or len(local) > LONGEST_LOCAL_PART:
            return self._address
        return f"{local}@{self._domain}"

    def destination(self, address: str) -> DestinationId | None:
        """Return whose mails come back to this address; None where we did not make it."""
        found = self._ours.fullmatch(address)
        if not found:
            return None
        destination, seal = found[1].lower(), found[2].lower()
        if not hmac.compare_digest(seal, self._seal(destination)):
            return None
        return DestinationId(destination)

    def _seal(self, destination: str) -> str:
        said = destination.encode(errors="replace")
        return hmac.digest(self._secret, said, "sha256").hex()[:SEAL]
