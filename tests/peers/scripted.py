"""A mail server in this process that follows a script, however wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG_UP = "hang up"
STALL = "stall"
POLITE = {"EHLO": "250 SIZE 1000", "DATA": "354 go on", ".": "250 OK", "QUIT": "221 bye"}


@dataclass
class Scripted:
    """A mail server that answers what it is told to: for a command, a list used up one by one."""

    script: dict[str, list[str]]
    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0
    heard: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        command, mail = "", b""
        while (said := await self._answer(command, writer)) is not None:
            try:
                line = await reader.readline()
            except ConnectionError:
                break
            if (command == "DATA" and said.startswith("3")) or (mail and line != b".\r\n"):
                command, mail = "mail", mail + line
            elif line == b".\r\n":
                self.mails.append(mail)
                command, mail = ".", b""
            else:
                command = line[:4].decode().strip().upper()
                self.heard.append(command)
            if not line:
                break
        writer.transport.abort()

    async def _answer(self, command: str, writer: asyncio.StreamWriter) -> str | None:
        if command == "mail" and not self.script.get(command):
            return ""
        usual = POLITE.get(command, "250 OK") if command else "220 hello"
        said = self.script[command].pop(0) if self.script.get(command) else usual
        if said == STALL:
            await asyncio.Event().wait()
        if said != HANG_UP:
            writer.write(said.encode(errors="surrogateescape") + b"\r\n")
            await writer.drain()
        return None if said == HANG_UP or said.startswith("421") else said


@asynccontextmanager
async def scripted(**script: Sequence[str]) -> AsyncIterator[Scripted]:
    """Run such a server; `HELLO` is the first word, `END` the dot behind a mail.

    What it says `MEANWHILE` comes unasked, one behind each line of a mail.
    """
    names = {"END": ".", "HELLO": "", "MEANWHILE": "mail"}
    peer = Scripted({names.get(command, command): list(said) for command, said in script.items()})
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(peer.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        peer.port = server.sockets[0].getsockname()[1]
        yield peer
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in peer.writers:
            writer.transport.abort()
