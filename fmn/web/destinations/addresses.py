"""Addresses as pages may show them: masked where others may look, links only into the web."""

SHOWN = 1
"""Characters of a name that stay when it is masked."""


def masked(address: str) -> str:
    """Return an address that its owner knows again and nobody else can use: `a***@example.org`."""
    name, at, domain = address.rpartition("@")
    return f"{name[:SHOWN]}***@{domain}" if at else f"{address[:SHOWN]}***"


def web_address(url: str | None) -> str | None:
    """Return an address that a page may link to; None for `javascript:` and all else."""
    return url if url and url.lower().startswith(("https://", "http://")) else None
