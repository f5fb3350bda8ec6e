"""Peers that only answer, each in a process of its own: what senders are measured with.

`python -m fmn.bench.peers smtp` prints its port and lives until its standard input ends.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

BACKLOG = 4096
"""Connections that may wait to be accepted: thousands come at once."""


class Peer(asyncio.Protocol):
    """Answers each whole request in what has come."""

    GREETING = b""

    def __init__(self) -> None:
        self._came = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101  # what TCP has
        self._transport = transport
        transport.write(self.GREETING)

    def data_received(self, came: bytes) -> None:
        self._came += came
        answers = list[bytes]()
        while (answer := self._answer()) is not None:
            answers.append(answer)
        self._transport.write(b"".join(answers))

    def _answer(self) -> bytes | None:
        raise NotImplementedError

    def _taken(self, end: bytes) -> bytes | None:
        """Take what stands before `end`, and that too; None where it has not come yet."""
        taken, found, rest = self._came.partition(end)
        if not found:
            return None
        self._came = rest
        return taken


class Smtp(Peer):
    """A mail server that takes everything: RFC 5321."""

    GREETING = b"220 peer\r\n"

    def __init__(self) -> None:
        super().__init__()
        self._in_mail = False

    def _answer(self) -> bytes | None:
        taken = self._taken(b"\r\n.\r\n" if self._in_mail else b"\r\n")
        if taken is None:
            return None
        if self._in_mail:
            self._in_mail = False
            return b"250 taken\r\n"
        verb = taken[:4].upper()
        self._in_mail = verb == b"DATA"
        known = {b"EHLO": b"250-peer\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n"}
        return known.get(verb, b"250 fine\r\n")


class Http(Peer):
    """A push service that takes everything: RFC 9112, RFC 8030."""

    def _answer(self) -> bytes | None:
        head, found, body = self._came.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(body) < length:
            return None
        self._came = body[length:]
        return b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class Irc(Peer):
    """An IRC server on which everybody is present and nothing is ever too fast: RFC 2812."""

    lines: ClassVar[Counter[str]] = Counter()
    """Over all connections of this process."""

    def _answer(self) -> bytes | None:
        line = self._taken(b"\r\n")
        if line is None:
            return None
        verb, _, rest = line.partition(b" ")
        self.lines["heard"] += verb != b"STATS"
        match verb:
            case b"USER":
                return b":peer 001 fmn :welcome\r\n"
            case b"PING":
                return b":peer PONG peer " + rest + b"\r\n"
            case b"STATS":
                return f":peer 249 fmn {self.lines['heard']}\r\n".encode()
            case b"ISON":
                return b":peer 303 fmn :" + rest.removeprefix(b":") + b"\r\n"
            case _:
                return b""


PEERS = {"smtp": Smtp, "http": Http, "irc": Irc}


@asynccontextmanager
async def peer(kind: str) -> AsyncIterator[int]:
    """Run a peer in a process of its own until the block ends; return its port on loopback."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "fmn.bench.peers", kind)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin  # noqa: S101  # asked for above
    assert process.stdout  # noqa: S101
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


async def lines_heard(port: int) -> int:
    """Return how many lines an IRC peer has heard, questions like this one left out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"STATS\r\n")
    number = int((await reader.readline()).split()[-1])
    writer.close()
    return number


async def _serve(kind: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(PEERS[kind], "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  # who started it reads this
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
