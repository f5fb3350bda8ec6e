"""Which IP addresses nobody may make us connect to."""

import sys
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out to the public: IANA, IPv6 Address Space."""
NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052, 2.1: the last four bytes are an address of IPv4."""
OURS = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",  # RFC 6598: between a provider and its customers
            "192.0.0.0/24",  # RFC 6890: protocols' own
            "168.63.129.16/32",  # Azure's own services, as seen from each of its machines
            "2001::/23",  # RFC 2928: protocols' own
            "3fff::/20",  # RFC 9637: examples
        ),
    )
)
"""What `ipaddress` takes for public, in one version or another, and is not."""
CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
"""Audit events of Python before a socket reaches somebody: (socket, address)."""


def refused(ip: str, allowed: Sequence[Network] = ()) -> str | None:
    """Return why nobody may make us connect to this IP address; None where they may.

    Addresses of IPv6 that hold one of IPv4 (mapped, 6to4, NAT64, Teredo) count as that one.
    What is not an IP address as `ipaddress` reads it (127.1, 0x7f000001, a name) is refused: the
    system may read it in its own way.
    """
    try:
        given = ip_address(ip)
    except ValueError:
        return f"{ip[:100]!r} is not an IP address"
    held = _held(given)
    if any(one in network for one in (given, *held) for network in allowed):
        return None
    if all(map(_is_public, held)):
        return None
    return f"{ip} is not a public address"


def guard(allowed: Sequence[Network] = ()) -> None:
    """Make every connection of this process to a refused address a PermissionError.

    For a process of its own that runs code which connects as it likes: this reaches all of its
    threads and libraries, goes on to its end and cannot be taken back. Sockets of the file
    system (AF_UNIX) and all others without an IP address are refused, too; names are looked up
    as before, and what they lead to is looked at. It is no prison for code that means harm.
    """

    def look(event: str, args: tuple[object, ...]) -> None:
        if event in CONNECTING and (why := _refused_socket(args[1], allowed)):
            raise PermissionError(f"no connection: {why}")

    sys.addaudithook(look)


def _refused_socket(address: object, allowed: Sequence[Network]) -> str | None:
    match address:
        case None:  # a message over a socket that is connected already
            return None
        case (str(ip), int(), *_):
            return refused(ip, allowed)
    return "only IP addresses may be connected to"


def _held(given: Address) -> Sequence[Address]:
    """Return the addresses this one stands for: itself, or those of IPv4 in it."""
    if isinstance(given, IPv4Address):
        return (given,)
    if given in NAT64:
        return (IPv4Address(int(given) & 0xFFFFFFFF),)
    one = given.ipv4_mapped or given.sixtofour
    return given.teredo or ((one or given),)


def _is_public(one: Address) -> bool:
    if isinstance(one, IPv6Address) and one not in UNICAST:
        return False
    special = one.is_multicast or not one.is_global
    return not special and not any(one in network for network in OURS)
