"""A chat service in this process: it keeps what it is told over HTTP, and answers as it shall."""

import asyncio
import html
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.peers import need

RESOLVER = """
import certifi, socket
known = socket.getaddrinfo

def getaddrinfo(host, port, *more, **others):
    if any(letter.isalpha() for letter in str(host)):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ({address!r}, {port}))]
    return known(host, port, *more, **others)

socket.getaddrinfo = getaddrinfo
certifi.where = lambda: {certificate!r}
"""
"""A `sitecustomize.py`: for whoever starts with it, every name is this address, and whoever has
this certificate is trusted."""

TAKEN = (200, {"Content-Type": "text/plain"}, b"ok")


@dataclass(frozen=True)
class Told:
    """What it was told."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def plain(self) -> bytes:
        """All that was said, be it JSON or a form, as people read it."""
        if self.body.startswith(b"{"):
            said = json.dumps(self.json, ensure_ascii=False)
        else:
            said = json.dumps(parse_qs(self.body.decode()), ensure_ascii=False)
        return html.unescape(said).encode()


@dataclass
class Chats:
    """What it heard, and what it shall answer: status, headers and body; or it stalls."""

    port: int
    told: list[Told] = field(default_factory=list)
    drips: bytes = b""
    """Said again and again after the answer, until whoever asked has gone."""
    answer: tuple[int, dict[str, str], bytes] | bytes | None = TAKEN
    """Bytes are sent as they are; None: no answer ever comes."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was told something."""

    def refuse(self, status: int, body: bytes = b"", **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = (status, names, body)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.told.append(await _told(reader))
            self.asked.set()
            if self.answer is None:
                await reader.read()  # until whoever asked has gone
            else:
                writer.write(_raw(self.answer))
                await writer.drain()
                while self.drips and not reader.at_eof():
                    writer.write(self.drips)
                    await writer.drain()
                    await asyncio.sleep(0.05)  # It is slow: that is what is tried.
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _told(reader: asyncio.StreamReader) -> Told:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Told(first.split()[1], headers, body)


def _raw(answer: tuple[int, dict[str, str], bytes] | bytes) -> bytes:
    if isinstance(answer, bytes):
        return answer
    status, headers, body = answer
    named = {"Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def chat_server(
    host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[Chats]:
    """Run one on an address of loopback; with a context it speaks TLS."""
    chats = Chats(0)
    server = await asyncio.start_server(chats.serve, host, 0, ssl=context)
    chats.port = server.sockets[0].getsockname()[1]
    async with server:
        yield chats


@contextmanager
def resolving(folder: Path, peer: Chats, address: str = "127.0.0.1") -> Iterator[None]:
    """Let processes that are started now find this peer by whatever name."""
    code = RESOLVER.format(
        address=address, port=peer.port, certificate=str(folder / "certificate.pem")
    )
    # In a folder of its own: of two of one size, written in one second, Python keeps the first.
    with TemporaryDirectory(dir=folder) as place, pytest.MonkeyPatch.context() as environment:
        Path(place, "sitecustomize.py").write_text(code)
        environment.setenv("PYTHONPATH", place, prepend=os.pathsep)
        yield


def certified(folder: Path, names: Iterable[str]) -> ssl.SSLContext:
    """Return what serves these names, by a certificate of its own in the folder."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    alternatives = ",".join(f"DNS:{name}" for name in names)
    said = ["-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={alternatives}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *said, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def speaking(of: int | str = "self", script: str = "fmn.senders.chat.speaking") -> list[int]:
    """Return the processes of this one that Apprise runs in, or that run another script.

    The others that it has started are servers of other tests.
    """
    tasks = Path(f"/proc/{of}/task").glob("*/children")
    started = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in started if script.encode() in process(pid, "cmdline")]


def process(pid: int, what: str) -> bytes:
    """Return what the system says of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    async with chat_server() as peer:
        yield peer
