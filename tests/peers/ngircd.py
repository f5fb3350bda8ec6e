"""A real IRC server, and somebody on it who sees what people see."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.peers import PATIENCE, answers, free_port, need, running


class Ngircd:
    """The server, which may be stopped and started again on the same port."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._config = folder / "ngircd.conf"
        self._command = [program, "-n", "-f", str(self._config)]
        self._life = ExitStack()
        self._server: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, password: str = "") -> None:
        self._config.write_text("\n".join([*self._global(password), *LIMITS, *options]))
        up = running(self._command, self._folder, ready=lambda: answers(self.port))
        self._server = self._life.enter_context(up)

    def kill(self) -> None:
        """End it without a farewell to anybody."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def stop(self) -> None:
        self.kill()  # It does not always hear a SIGTERM that comes just after its start.
        self._life.close()

    def _global(self, password: str) -> list[str]:
        place = ["Name = irc.fmn.test", "Listen = 127.0.0.1", f"Ports = {self.port}"]
        # Started by root it wants to become somebody else; started by others it cannot.
        somebody = ["ServerUID = irc", "ServerGID = irc"] if os.getuid() == 0 else []
        return ["[Global]", *place, *somebody, *([f"Password = {password}"] if password else [])]


LIMITS = [
    "[Limits]",
    "MaxConnectionsIP = 0",
    "MaxPenaltyTime = 0",
    "[Options]",
    "DNS = no",
    "Ident = no",
    "PAM = no",
]


class Person:
    """A raw client: what it reads is what people see."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()

    async def line(self) -> str:
        """Return the next line from the server, whatever it is."""
        raw = await asyncio.wait_for(self._reader.readline(), PATIENCE)
        if raw.startswith(b"PING"):
            await self.write(raw.decode().replace("PING", "PONG").strip())
            return await self.line()
        assert raw, "the server hung up"
        return raw.decode().removesuffix("\r\n")

    async def until(self, word: str) -> list[str]:
        """Return the lines up to the first that holds this word, that one included."""
        lines = [await self.line()]
        while word not in lines[-1]:
            lines.append(await self.line())
        return lines

    async def told(self) -> str:
        """Return the text of the next PRIVMSG."""
        return (await self.until(" PRIVMSG "))[-1].split(" :", 1)[1]


@asynccontextmanager
async def person(port: int, nick: str, password: str = "") -> AsyncIterator[Person]:
    """Be somebody on the server of this port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    someone = Person(reader, writer)
    try:
        if password:
            await someone.write(f"PASS :{password}")
        await someone.write(f"NICK {nick}")
        await someone.write(f"USER {nick} 0 * :{nick}")
        await someone.until(" 001 ")
        yield someone
    finally:
        writer.transport.abort()


@pytest.fixture
def ngircd(tmp_path: Path) -> Iterator[Ngircd]:
    server = Ngircd(need("ngircd", "ngircd"), tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()
