"""A mail server in a process of its own that notes each mail it took before it answers.

It refuses, is busy, or takes a mail and is gone before the answer, as it is told while it runs.
`python -m tests.peers.mailbox FILE` prints its port; told by lines of JSON, it lives until its
standard input ends.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

BACKLOG = 1024
NAMED = b"\r\nX-Fmn-Message:"
"""The header that says which message a mail tells of."""


@dataclass(frozen=True)
class Receipt:
    """A mail that was taken."""

    at: float
    """Unix time."""
    address: str
    message: str
    answered: bool
    """Whether its sender was told so."""


@dataclass
class Told:
    """How it shall behave."""

    addresses: dict[str, str] = field(default_factory=dict)
    """Address → what to answer to RCPT."""
    contents: dict[str, str] = field(default_factory=dict)
    """`message address` → what to answer to the mail itself."""
    busy: dict[str, str] = field(default_factory=dict)
    """MAIL, RCPT or DATA → what to answer to it for now, whoever asks."""
    lose: int = 0
    """So many mails are taken, and the connection is cut before the answer."""

    def change(self, line: str) -> None:
        """Do as a line of JSON says: names of fields and their values."""
        known = {each.name for each in fields(self)}
        for name, value in json.loads(line).items():
            assert name in known, name
            setattr(self, name, value)


class Session(asyncio.Protocol):
    """One connection: RFC 5321, as far as a client that knows its way needs it."""

    def __init__(self, told: Told, notes: TextIOWrapper) -> None:
        self._told = told
        self._notes = notes
        self._came = b""
        self._address = ""
        self._in_mail = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._say("220 mailbox")

    def data_received(self, data: bytes) -> None:
        self._came += data
        while not self._transport.is_closing():
            taken, found, rest = self._came.partition(b"\r\n.\r\n" if self._in_mail else b"\r\n")
            if not found:
                return
            self._came = rest
            if self._in_mail:
                self._mail(taken)
            else:
                self._command(taken.decode(errors="replace"))

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        if answer := self._told.busy.get(verb):
            self._say(answer)
        elif verb == "EHLO":
            self._say("250-mailbox\r\n250 8BITMIME")
        elif verb == "RCPT":
            self._address = line.partition("<")[2].partition(">")[0]
            self._say(self._told.addresses.get(self._address, "250 fine"))
        elif verb == "DATA":
            self._in_mail = True
            self._say("354 go on")
        elif verb == "QUIT":
            self._say("221 good-bye")
            self._transport.close()
        else:
            self._say("250 fine")

    def _mail(self, raw: bytes) -> None:
        self._in_mail = False
        message = raw.partition(NAMED)[2].partition(b"\r\n")[0].strip().decode()
        if answer := self._told.contents.get(f"{message} {self._address}"):
            self._say(answer)
            return
        lost = self._told.lose > 0
        note = {"at": time.time(), "address": self._address, "message": message}
        self._notes.write(json.dumps(note | {"answered": not lost}) + "\n")
        self._notes.flush()
        if lost:
            self._told.lose -= 1
            self._transport.abort()
        else:
            self._say("250 taken")

    def _say(self, answer: str) -> None:
        self._transport.write(answer.encode() + b"\r\n")


class Mailbox:
    """The server, as seen by who started it."""

    def __init__(self, process: "subprocess.Popen[str]", notes: Path) -> None:
        self._process = process
        self._notes = notes
        self.port = int(self._heard())

    def tell(self, **told: Any) -> None:
        """Change how it behaves: fields of Told. Returns when it does so."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        assert self._heard() == "done\n"

    def receipts(self) -> list[Receipt]:
        """Return what was taken so far, in order."""
        whole = self._notes.read_text().rpartition("\n")[0]
        return [Receipt(**json.loads(line)) for line in whole.splitlines()]

    def _heard(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


@contextmanager
def mailbox(folder: Path) -> Iterator[Mailbox]:
    """Run one until the block ends; its notes are in the folder."""
    notes = folder / "mails.jsonl"
    notes.touch()
    command = [sys.executable, "-m", __name__, str(notes)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield Mailbox(process, notes)
        finally:
            process.kill()


async def _serve(notes: TextIOWrapper) -> None:
    loop, told = asyncio.get_running_loop(), Told()
    made = await loop.create_server(lambda: Session(told, notes), "127.0.0.1", 0, backlog=BACKLOG)
    print(made.sockets[0].getsockname()[1], flush=True)  # noqa: T201  # who started it reads this
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told.change(line)
        print("done", flush=True)  # noqa: T201  # who started it reads this


if __name__ == "__main__":
    with Path(sys.argv[1]).open("a") as file:
        asyncio.run(_serve(file))
