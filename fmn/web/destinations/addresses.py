"""Addresses as pages may show them: masked where others may look, links only into the web."""

import re

SHOWN = 1
"""Characters of a name that stay when it is masked."""
MAILBOX = re.compile(r"[^@/:]+@([\w-]+\.)+[\w-]+")
"""An address of which the part after `@` may be shown; elsewhere that may be a secret."""


def masked(address: str) -> str:
    """Return an address that its owner knows again and nobody else can use: `a***@example.org`."""
    domain = address.rpartition("@")[2] if MAILBOX.fullmatch(address) else ""
    return f"{address[:SHOWN]}***@{domain}" if domain else f"{address[:SHOWN]}***"


def web_address(url: str | None) -> str | None:
    """Return an address that a page may link to; None for `javascript:` and all else."""
    return url if url and url.lower().startswith(("https://", "http://")) else None
