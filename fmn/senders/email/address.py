"""Addresses of mailboxes: which ones a mail server may take."""

import re

ATOM = r"[^\x00-\x20\x7f()<>@,;:\\\"\[\].]+"
EDGE = r"[A-Za-z0-9\x80-\U0010ffff]"
LABEL = rf"{EDGE}([A-Za-z0-9_\x80-\U0010ffff-]*{EDGE})?"
MAILBOX = re.compile(rf"{ATOM}(\.{ATOM})*@{LABEL}(\.{LABEL})*")
"""A dot-atom and a host name, of every script: RFC 5322, 3.4.1 and RFC 6531, 3.3."""

LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64
"""Bytes: RFC 5321, 4.5.3.1, and the 256 of a path without its angle brackets."""


def fault(address: str) -> str | None:
    """Return why no mail server would take this address; None if one may."""
    raw = address.encode(errors="replace")
    if len(raw) > LONGEST_ADDRESS or len(raw.partition(b"@")[0]) > LONGEST_LOCAL_PART:
        return f"longer than an address may be, {LONGEST_ADDRESS} bytes"
    # An encoded word would be decoded, line ends and all, when the header is written.
    if not address.isprintable() or not MAILBOX.fullmatch(address) or "=?" in address:
        return "not the address of one mailbox, like alice@example.org"
    return None
