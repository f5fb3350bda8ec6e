"""DKIM (RFC 6376): mails signed by us, where the mail server does not sign. Needs dkimpy."""

import asyncio
from pathlib import Path
from typing import Self

import dkim  # type: ignore[import-untyped]

from fmn.errors import ConfigError

SIGNED = [
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"list-id",
    b"list-unsubscribe",  # the one click counts only where it is signed: RFC 8058, 4
    b"list-unsubscribe-post",
    b"auto-submitted",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
]
"""One that is missing is signed as missing: nobody can add it on the way."""

TRIAL = b"From: fmn@localhost\r\n\r\n\r\n"


class Signature:
    """Signs for one domain with one key."""

    def __init__(self, domain: str, selector: str, key: bytes) -> None:
        self._domain, self._selector, self._key = domain.encode(), selector.encode(), key

    @classmethod
    async def of(cls, domain: str, selector: str, file: str) -> Self:
        """Read the key. Raises ConfigError where it is none."""
        try:
            key = await asyncio.to_thread(Path(file).read_bytes)
            made = cls(domain, selector, key.replace(b"\r\n", b"\n"))
            await made.signed(TRIAL)
        except OSError as failed:
            why = failed.strerror or str(failed)
            raise ConfigError(f"senders.email.dkim_key_file {file!r}", why) from failed
        except Exception:  # noqa: BLE001  # what dkimpy raises of a file that is no key, nobody lists
            why = "expected an RSA key in PEM that needs no password"
            raise ConfigError(f"senders.email.dkim_key_file {file!r}", why) from None
        return made

    async def signed(self, mail: bytes) -> bytes:
        """Return the mail with a signature before it. It takes about 10 ms, in a thread."""
        return await asyncio.to_thread(self._sign, mail) + mail

    def _sign(self, mail: bytes) -> bytes:
        how = (b"relaxed", b"relaxed")
        signature: bytes = dkim.sign(
            mail, self._selector, self._domain, self._key, canonicalize=how, include_headers=SIGNED
        )
        return signature
