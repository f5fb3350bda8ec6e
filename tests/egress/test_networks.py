import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fmn.egress import refused

SPECIAL = [
    IPv4Network(network)
    for network in (
        # IANA IPv4 Special-Purpose Address Registry, without what is globally reachable
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "224.0.0.0/4",
        "168.63.129.16/32",
    )
]
UNICAST = IPv6Network("2000::/3")


def edges(network: IPv4Network) -> st.SearchStrategy[IPv4Address]:
    first, last = int(network[0]), int(network[-1])
    near = [first, last, max(first - 1, 0), min(last + 1, 2**32 - 1)]
    return st.one_of(st.sampled_from(near), st.integers(first, last)).map(IPv4Address)


V4 = st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.sampled_from(SPECIAL).flatmap(edges))


def is_special(ip: IPv4Address) -> bool:
    return any(ip in network for network in SPECIAL)


def mapped(ip: IPv4Address) -> IPv6Address:  # RFC 4291, 2.5.5.2
    return IPv6Address(0xFFFF << 32 | int(ip))


def six_to_four(ip: IPv4Address, rest: int = 1) -> IPv6Address:  # RFC 3056, 2
    return IPv6Address(0x2002 << 112 | int(ip) << 80 | rest)


def nat64(ip: IPv4Address) -> IPv6Address:  # RFC 6052, 2.1
    return IPv6Address(int(IPv6Address("64:ff9b::")) | int(ip))


def teredo(server: IPv4Address, client: IPv4Address) -> IPv6Address:  # RFC 4380, 4
    return IPv6Address(0x20010000 << 96 | int(server) << 64 | (int(client) ^ 0xFFFFFFFF))


@given(V4)
def test_of_ipv4_what_is_special_is_refused_and_nothing_else(ip: IPv4Address) -> None:
    assert (refused(str(ip)) is not None) == is_special(ip)


@given(V4, st.integers(0, 2**80 - 1))
def test_ipv6_that_holds_ipv4_counts_as_that(ip: IPv4Address, rest: int) -> None:
    for holding in (mapped(ip), nat64(ip), six_to_four(ip, rest)):
        assert (refused(str(holding)) is not None) == is_special(ip)


@given(V4, V4)
def test_teredo_counts_as_its_server_and_its_client(
    server: IPv4Address, client: IPv4Address
) -> None:
    reason = refused(str(teredo(server, client)))

    assert (reason is not None) == (is_special(server) or is_special(client))


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_ipv6_that_was_never_given_out_is_refused(ip: IPv6Address) -> None:
    assume(ip not in UNICAST and ip.ipv4_mapped is None and ip not in IPv6Network("64:ff9b::/96"))

    assert refused(str(ip))


@pytest.mark.parametrize(
    "ip",
    [
        "::",
        "::1",
        "::7f00:1",  # IPv4-compatible: RFC 4291, 2.5.5.1
        "64:ff9b:1::7f00:1",  # RFC 8215
        "100::1",
        "2001:db8::1",
        "2001:2::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_ipv6_of_no_public_network_is_refused(ip: str) -> None:
    assert refused(ip) == f"{ip} is not a public address"


@pytest.mark.parametrize("ip", ["2606:4700:4700::1111", "2a00:1450:4001::1", "2606:4700::1%eth0"])
def test_public_ipv6_is_not_refused(ip: str) -> None:
    assert refused(ip) is None


@pytest.mark.parametrize(
    "said",
    ["", "localhost", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "1.1.1.1 ", "٣.1.1.1"],
)
def test_what_only_some_read_as_an_address_is_refused(said: str) -> None:
    assert refused(said) == f"{said!r} is not an IP address"


@given(V4, V4)
def test_what_is_allowed_wins_and_allows_nothing_else(ip: IPv4Address, other: IPv4Address) -> None:
    allowed = [ip_network(f"{ip}/32")]

    for form in (ip, mapped(ip), nat64(ip), six_to_four(ip)):
        assert refused(str(form), allowed) is None
    if other != ip:
        assert refused(str(other), allowed) == refused(str(other))


GUARDED = """
import socket, sys
from ipaddress import ip_network
from fmn.egress import guard

server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
guard([ip_network(network) for network in sys.argv[1:]])

def tried(family, address, kind=socket.SOCK_STREAM, send=False):
    with socket.socket(family, kind) as one:
        try:
            one.sendto(b"x", address) if send else one.connect(address)
        except PermissionError as refused:
            return "refused" if "no connection" in str(refused) else "?"
        return "done"

V4, V6, UNIX, UDP = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.SOCK_DGRAM
print(tried(V4, ("127.0.0.1", port)))
print(tried(V4, ("localhost", port)))
print(tried(V4, ("127.1", port)))
print(tried(V4, ("169.254.169.254", 80)))
print(tried(V6, ("::1", port, 0, 0)))
print(tried(V6, ("::ffff:10.0.0.1", port, 0, 0)))
print(tried(UNIX, "/nowhere"))
print(tried(V4, ("127.0.0.1", port), UDP, send=True))
try:
    socket.create_connection(("localhost", port), 5).close()
    print("done")
except PermissionError:
    print("refused")
import asyncio
async def later():  # a loop comes up as ever; a thread is no way around
    await asyncio.to_thread(lambda: print(tried(V4, ("127.0.0.1", port))))
asyncio.run(later())
"""


def guarded(*allowed: str) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", GUARDED, *allowed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_guarded_process_connects_to_nothing_that_is_refused() -> None:
    assert guarded() == ["refused"] * 10


def test_a_guarded_process_connects_to_what_is_allowed() -> None:
    first, *others, udp, by_name, in_a_thread = guarded("127.0.0.0/8")

    assert [first, udp, by_name, in_a_thread] == ["done"] * 4
    assert others == ["refused"] * 6
