"""Going out over HTTP to addresses that people gave, and never into our own networks.

Whoever gives us an address makes us connect to it. So the address of every single connection is
looked at, after names were resolved and at the moment the socket is made: no private, loopback,
link-local, multicast or reserved one, unless the settings allow its network; a name that
resolves anew (DNS rebinding) and a redirect get no further. Redirects are not followed at all.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import (
    AddrInfoType,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from fmn.egress.address import fault
from fmn.egress.answer import Answer, secrets_of
from fmn.egress.doubt import Doubt, tracing
from fmn.egress.hosts import KEEP, Hosts
from fmn.egress.networks import Network, guard, refused
from fmn.errors import InDoubt, PermanentFailure, TransientFailure

__all__ = ["Answer", "Doubt", "Lookup", "Network", "Outside", "fault", "guard", "refused"]

MOST_READ = 16 * 1024
"""Bytes of an answer's body that are read; then the connection is given up."""
HEADERS = {"User-Agent": "fmn", "Accept-Encoding": "identity"}
"""Nothing is ever unpacked: a small answer may hold a very large one."""

Lookup = Callable[[str], Sequence[str]]
"""Name → IP addresses; may block. Raises OSError where there are none."""


def addresses_of(name: str) -> Sequence[str]:
    """Ask the system for the IP addresses of a name. Raises OSError."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError:  # too long a label for IDNA
        raise OSError(f"{name!r} is no name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Outside:
    """Posts to addresses that people gave. Lives from `async with` to its end."""

    def __init__(
        self,
        *,
        at_once: int,
        timeout: timedelta,
        allowed: Sequence[Network] = (),
        lookup: Lookup = addresses_of,
    ) -> None:
        self._at_once = at_once
        self._patience = timeout.total_seconds()
        self._allowed = allowed
        self._lookup = lookup
        self._slots = asyncio.Semaphore(at_once)
        self._hosts = Hosts(at_once=at_once, timeout=timeout)

    async def __aenter__(self) -> Self:
        self._names = _Names(self._lookup, self._at_once)
        connector = TCPConnector(
            limit=0,  # ours is the semaphore: waiting for a place is not the host's fault
            keepalive_timeout=KEEP,
            resolver=self._names,
            use_dns_cache=False,
            socket_factory=partial(_socket, self._allowed),
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers=HEADERS,
            timeout=ClientTimeout(total=self._patience),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=MOST_READ,
            trace_configs=[tracing()],
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        await self._names.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], doubt: Doubt | None = None
    ) -> Answer:
        """Post; return the answer, whatever its status, redirects included.

        Raises PermanentFailure where the address may not be reached, TransientFailure where it
        cannot be just now, InDoubt where what was posted may have left and no answer came within
        the timeout; who gives up before sees that in `doubt`. All name scheme, host and port,
        never the path: that may be secret. A host that did not answer rests for a while, so that
        its owner's notifications do not take the place of everybody else's: until then it is a
        TransientFailure at once, with retry_after (Absent: nothing was tried). Where much is
        posted to a host that has not failed, half the timeout may be waited for a place first.

        Once the head of an answer has come the host has answered: what of the body does not come
        is left out, for a second notification would be worse.
        """
        if why := fault(url):
            raise PermanentFailure(f"the address to post to is {why}")
        target = URL(url).with_fragment(None)
        name = f"{target.scheme}://{target.host_subcomponent}:{target.port}"
        # The place at the host comes first: who waits for it takes no slot of the others.
        async with self._hosts.place(name), self._slots:
            said = await self._exchange(name, target, body, headers, doubt or Doubt())
        return Answer(*said, secrets_of(url))

    async def _exchange(
        self, name: str, target: URL, body: bytes, headers: Mapping[str, str], doubt: Doubt
    ) -> tuple[int, Mapping[str, str], bytes]:
        doubt.open = False
        keep = {} if self._hosts.keeps(name) else {"Connection": "close"}
        try:
            response = await self._session.post(
                target,
                data=body,
                headers={**headers, **keep},
                allow_redirects=False,
                trace_request_ctx=doubt,
            )
        except TimeoutError:
            self._hosts.failed(name)
            raise _unanswered(f"{name}: no answer in {self._patience:g} s", doubt) from None
        except ClientConnectorError as failed:
            raise self._unreachable(name, failed) from None
        except (ClientError, OSError) as failed:  # its text may hold the whole address
            raise _unanswered(f"{name}: {_lost(failed)}", doubt) from None
        doubt.open = False
        self._hosts.answered(name)
        try:
            said = await _beginning(response)
        finally:
            response.close()  # A connection that was read to its answer's end is kept.
        return response.status, {n.lower(): v for n, v in response.headers.items()}, said

    def _unreachable(
        self, name: str, failed: ClientConnectorError
    ) -> PermanentFailure | TransientFailure:
        if isinstance(failed.os_error, _RefusedAddress):
            return PermanentFailure(f"{name} leads to an address that is not public")
        self._hosts.failed(name)
        if isinstance(failed, ClientConnectorDNSError):
            return TransientFailure(f"{name}: there is no such host, or nobody knows it now")
        if isinstance(failed, ClientConnectorCertificateError):
            why = getattr(failed.certificate_error, "verify_message", "")
            return TransientFailure(f"{name}: its certificate is not trusted: {why}")
        if isinstance(failed.os_error, ssl.SSLError):
            return TransientFailure(f"{name}: TLS failed: {failed.os_error.reason}")
        return TransientFailure(
            f"{name}: {os.strerror(failed.os_error.errno or errno.EHOSTUNREACH)}"
        )


async def _beginning(response: ClientResponse) -> bytes:
    read = bytearray()
    with suppress(ClientError, OSError):  # A TimeoutError is an OSError.
        while more := await response.content.read(MOST_READ - len(read)):
            read += more
    return bytes(read)


def _unanswered(reason: str, doubt: Doubt) -> TransientFailure:
    return InDoubt(reason) if doubt.open else TransientFailure(reason)


def _lost(failed: ClientError | OSError) -> str:
    match failed:
        case ClientResponseError():
            return "what it answers is not HTTP"
        case ServerDisconnectedError():
            return "it closed the connection without an answer"
    return "the connection was lost"


class _RefusedAddress(OSError):
    """Nobody may make us connect to this address."""


def _socket(allowed: Sequence[Network], to: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, address = to
    if refused(str(address[0]), allowed):
        # All say the same: so of several addresses that are refused one speaks for all.
        raise _RefusedAddress("not a public address")
    return socket.socket(family, kind, protocol)


class _Names(AbstractResolver):
    """Looks names up in threads of its own: a slow name server takes nobody else's."""

    def __init__(self, lookup: Lookup, at_once: int) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(at_once, "lookup")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # both are taken
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._lookup, host)
        if not found:
            raise OSError("no addresses")
        return [_resolved(host, port, ip) for ip in found]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolved(name: str, port: int, ip: str) -> ResolveResult:
    return {
        "hostname": name,
        "host": ip,
        "port": port,
        "family": socket.AF_INET6 if ":" in ip else socket.AF_INET,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }
