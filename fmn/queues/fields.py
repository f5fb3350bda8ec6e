"""The fields of an entry, as they stand in a stream: written by us, by a newer fmn, or by hand."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fmn.queues.entries import VERSION, Malformed, pack

VERSIONS = re.compile(rb"[1-9][0-9]{0,2}")
COUNTS = re.compile(rb"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Fields:
    """What an entry says of itself."""

    named: Mapping[bytes, bytes]

    @classmethod
    def of(cls, flat: Sequence[bytes]) -> "Fields":
        """Return them as Redis answers: names and values by turns."""
        return cls(dict(zip(flat[::2], flat[1::2], strict=False)))

    @property
    def unknown(self) -> int | None:
        """The version, where it is one that is not known here; else None."""
        given = self.named.get(b"v", b"")
        return int(given) if VERSIONS.fullmatch(given) and int(given) != VERSION else None

    @property
    def n(self) -> int:
        """Notifications it stands for: what is no count stands for none, as in `waiting.lua`.

        What was put there by hand was never counted as taken or made; wherever it goes it is
        more than came in, and the ledger's residual says so.
        """
        given = self.named.get(b"n", b"")
        return int(given) if COUNTS.fullmatch(given) else 0

    @property
    def origin(self) -> str:
        """The origin of a message that was replayed; else empty."""
        return self.named.get(b"o", b"").decode(errors="replace")

    @property
    def reason(self) -> str:
        """Why a chunk is not in its own lane; else empty."""
        return self.named.get(b"r", b"").decode(errors="replace")

    @property
    def value(self) -> bytes:
        """The value; of a malformed entry all of it, in a form that nobody can read as a value."""
        fault = self._fault()
        return pack(Malformed(fault, list(self.named.items()))) if fault else self.named[b"d"]

    def _fault(self) -> str:
        if self.named.get(b"v") != b"%d" % VERSION:
            return f"v is no version: {self.named.get(b'v', b'')[:40]!r}"
        if not COUNTS.fullmatch(self.named.get(b"n", b"")):
            return f"n is no count: {self.named.get(b'n', b'')[:40]!r}"
        return "" if b"d" in self.named else "it has no d"
