"""Where mails come back, as it is written in the settings."""

import re

LMTP = re.compile(r"lmtp://(?:\[([0-9A-Fa-f:.]+)\]|([^\s/@:\[\]]+)):(\d{1,5})")
MAILDIR = re.compile(r"maildir:(/[^\x00]*)")
LAST_PORT = 65535


def lmtp(place: str) -> tuple[str, int] | None:
    """Return host and port to listen on; None where it is another place."""
    found = LMTP.fullmatch(place)
    return (found[1] or found[2], int(found[3])) if found else None


def maildir(place: str) -> str | None:
    """Return the folder; None where it is another place."""
    found = MAILDIR.fullmatch(place)
    return found[1] if found else None


def is_place(place: str) -> bool:
    """Tell whether mails can come back there."""
    if listening := lmtp(place):
        return 0 < listening[1] <= LAST_PORT
    return maildir(place) is not None
