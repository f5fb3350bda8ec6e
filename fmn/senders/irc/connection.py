"""One connection to an IRC server, from its registration to its end."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress

from fmn.errors import PermanentFailure, TransientFailure
from fmn.senders.irc.lines import Bucket, Line, clean, parse, pieces

LINE = 512
"""Bytes of a line as its receiver sees it, CR LF and our own prefix included: RFC 1459, 2.3."""
LONGEST_PREFIX = 140
"""Bytes of `nick!user@host`: what we reckon with until the server has told us ours."""
CHANNELS = ("#", "&")

NICK_IN_USE = {"433", "436", "437"}
MORE_NICKS = ("_", "__", "___")
LOGIN_REFUSED = {"432", "463", "464", "465", "466"}
REFUSED = {f"{number}" for number in range(400, 600)} | {"716"}
REFUSED_FOR_NOW = {"263", "405", "437", "439", "471", "480", "707"}
"""Busy, in too many channels, too fast, channel full: later it may go."""

MUTE = 4
"""After so many times our patience without a word from the server we ask whether it is there."""


class Connection:
    """Speaks as one nick. It is heard by `register`, then by `listen`, and ends when these do."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        bucket: Bucket,
        patience: float,
    ) -> None:
        self.nick = ""
        self._reader = reader
        self._writer = writer
        self._bucket = bucket
        self._patience = patience
        self._prefix = ""  # nick!user@host, as the others see us
        self._joined: set[str] = set()
        self._registered = False
        self._nicks: list[str] = []  # to try where the one we want is taken
        self._parting = "the server closed the connection"
        self._tokens = map("fmn-{}".format, itertools.count(1))
        self._token = ""  # of the PING whose answer is awaited
        self._heard = asyncio.Event()
        self._refusals: list[Line] = []

    async def register(self, nick: str, realname: str, password: str) -> None:
        """Become known to the server, as `nick` or, where that is taken, as `nick_`.

        Raises OSError where the server does not want us.
        """
        self.nick, self._nicks = nick, [nick + more for more in MORE_NICKS]
        if password:
            await self._write(f"PASS :{password}")
        await self._write(f"NICK {nick}")
        await self._write(f"USER {nick} 0 * :{realname}")
        self._expect()
        while self._token:
            await self._hear(await self._read())

    async def listen(self) -> None:
        """Hear what the server says until the connection is lost, which raises OSError."""
        while True:
            try:
                async with asyncio.timeout(MUTE * self._patience):
                    line = await self._read()
            except TimeoutError:
                await self._write("PING :fmn")
                async with asyncio.timeout(self._patience):
                    line = await self._read()
            await self._hear(line)

    async def say(self, address: str, lines: Sequence[str], *, most: int) -> None:
        """Say at most so many lines; return when the server has dealt with them."""
        if address.startswith(CHANNELS) and address.lower() not in self._joined:
            await self._ask(address, [f"JOIN {address}"])
        start = f"PRIVMSG {address} :"
        prefix = len(self._prefix.encode()) or LONGEST_PREFIX
        room = LINE - len(f": {start}\r\n".encode()) - prefix
        fitting = (piece for line in lines for piece in pieces(line, room) if piece.strip())
        said = list(itertools.islice(fitting, most + 1))
        if len(said) > most:
            said[most - 1 :] = [f"… (cut here: longer than {most} lines)"]
        await self._ask(address, [start + piece for piece in said])

    async def close(self) -> None:
        """Take leave, if anybody is there."""
        self._heard.set()
        with suppress(OSError):
            async with asyncio.timeout(1):
                await self._write("QUIT :good bye")
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()

    async def _ask(self, address: str, lines: Sequence[str]) -> None:
        """Write lines; when the server has dealt with them, raise what it refused."""
        self._expect()
        left = 0
        try:
            with suppress(OSError):  # What follows from it is said below.
                for line in (*lines, f"PING :{self._token}"):
                    await asyncio.sleep(self._bucket.take(asyncio.get_running_loop().time()))
                    await self._write(line)
                    left += 1
                async with asyncio.timeout(self._patience):
                    await self._heard.wait()
        finally:
            if self._token:  # An answer may be under way, which is not for the next to hear.
                self._writer.close()
        if self._token:
            of = f"{min(left, len(lines))} of {len(lines)}"
            raise TransientFailure(f"{address!r}: connection lost after {of} lines had left")
        self._raise_refusal(address)

    def _raise_refusal(self, address: str) -> None:
        for line in self._refusals:
            failure = TransientFailure if line.command in REFUSED_FOR_NOW else PermanentFailure
            raise failure(f"{address!r}: {_words(line)}")

    def _expect(self) -> None:
        self._token = next(self._tokens)
        self._heard.clear()
        self._refusals = []

    async def _write(self, line: str) -> None:
        if self._writer.is_closing():
            raise ConnectionError(self._parting)
        self._writer.write(clean(line).encode() + b"\r\n")
        async with asyncio.timeout(self._patience):
            await self._writer.drain()

    async def _read(self) -> Line:
        try:
            raw = await self._reader.readline()
        except ValueError:
            raise ConnectionError("a line without an end came from the server") from None
        if not raw:  # A write tells nothing of a server that has gone; this does.
            raise ConnectionError(self._parting)
        return parse(raw.decode(errors="replace"))

    async def _hear(self, line: Line) -> None:
        match line.command:
            case "PING":
                await self._write(f"PONG :{line.last}")
            case "PONG" if line.last == self._token:
                self._token = ""
                self._heard.set()
            case "ERROR":
                self._parting = clean(line.last)
            case "JOIN" | "PART" | "KICK" | "NICK":
                self._move(line)
            case _:
                await self._hear_number(line)

    async def _hear_number(self, line: Line) -> None:
        if line.command == "001":
            await self._welcome(line.at(0))
        elif line.command == "311" and line.at(1) == self.nick:  # the answer to WHOIS
            self._prefix = f"{self.nick}!{line.at(2)}@{line.at(3)}"
        elif not self._registered and line.command in NICK_IN_USE and self._nicks:
            self.nick = self._nicks.pop(0)
            await self._write(f"NICK {self.nick}")
        elif not self._registered and line.command in NICK_IN_USE | LOGIN_REFUSED:
            raise ConnectionError(_words(line))
        elif line.command in REFUSED | REFUSED_FOR_NOW and self._token:
            self._refusals.append(line)

    async def _welcome(self, nick: str) -> None:
        self.nick, self._registered = nick or self.nick, True
        for line in (f"WHOIS {self.nick}", f"PING :{self._token}"):
            self._bucket.take(asyncio.get_running_loop().time())
            await self._write(line)

    def _move(self, line: Line) -> None:
        room = line.at(0).lower()
        if line.command == "KICK" and line.at(1) == self.nick:
            self._joined.discard(room)
        if line.nick != self.nick:
            return
        self._prefix = line.source
        if line.command == "JOIN":
            self._joined.add(room)
        elif line.command == "PART":
            self._joined.discard(room)
        elif line.command == "NICK":
            self.nick = line.at(0)
            self._prefix = f"{self.nick}!{line.source.partition('!')[2]}"


def _words(line: Line) -> str:
    return f"{clean(line.last)} ({line.command})"
