"""Whether something is an address to post to: RFC 3986, and what nobody reads in another way."""

import re
from collections.abc import Sequence
from ipaddress import ip_address

from yarl import URL

from fmn.egress.networks import Network, refused

LONGEST = 2000
"""Characters."""
LONGEST_NAME = 253
"""Characters of a host's name: RFC 1035, 2.3.4."""
START = re.compile("https?://", re.IGNORECASE)
LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
NAME = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
"""Of a host: RFC 1123, 2.1, and the underscore that many have."""
NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")
"""What ends like this some systems read as an address of IPv4, each in its own way."""


def fault(url: str, allowed: Sequence[Network] | None = None) -> str | None:
    """Return why this is no address to post to: not http(s), a login in it, no host, too long.

    Where `allowed` is given, an IP address instead of a name must be one to connect to.
    """
    if len(url) > LONGEST:
        return f"longer than {LONGEST} characters"
    if not url.isprintable() or re.search(r"[\s\\]", url):
        return "not an address: a space, a backslash or a control character is in it"
    if not START.match(url):
        return "not an address that begins with https:// or http://"
    try:
        return _fault(URL(url), allowed)
    except (ValueError, IndexError):  # a UnicodeError of IDNA, too; yarl says either
        return "not an address"


def _fault(url: URL, allowed: Sequence[Network] | None) -> str | None:
    if url.raw_user is not None or url.raw_password is not None:
        return "an address with a login in it"
    host = url.raw_host or ""
    if not _is_host(host) or not url.port:
        return "an address without a valid host and port"
    if allowed is not None and _is_ip(host) and refused(host, allowed):
        return "an address that is not public"
    return None


def _is_host(host: str) -> bool:
    if ":" in host or NUMBER.fullmatch(host):
        return _is_ip(host)
    return len(host) <= LONGEST_NAME and NAME.fullmatch(host) is not None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
