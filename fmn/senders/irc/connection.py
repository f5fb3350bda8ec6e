"""One connection to an IRC server: lines out at our pace, lines in, and what they say of us."""

import asyncio
import itertools
import re
from collections.abc import Callable
from contextlib import suppress

from fmn.senders.irc import presence
from fmn.senders.irc.answer import Answer, Lost
from fmn.senders.irc.lines import Bucket, Line, clean, parse
from fmn.senders.irc.presence import Presence
from fmn.senders.irc.support import Support

LINE = 512
"""Bytes of a line as its receiver sees it, CR LF and our own prefix included: RFC 1459, 2.3."""
USUAL_PREFIX = 140
"""Bytes of `nick!user@host`: what we reckon with until the server has told us ours."""
LONGEST_PREFIX = 255
"""Bytes: a server that tells of a longer one talks nonsense."""
MUTE = 4
"""After so many times our patience without a word from the server we ask whether it is there."""
CLOSED = "the server closed the connection"
MOST_WORDS = 400
"""Characters of what a server says that people are told."""


class Connection:
    """Speaks as one nick. It is heard by `heard`, then by `listen`, and ends when that does."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        bucket: Bucket,
        patience: float,
        memory: float,
        secrets: re.Pattern[str],
    ) -> None:
        self.nick = ""
        self.joined: set[str] = set()
        self.support = Support()
        self.presence = Presence(self.support, memory=memory)
        self._reader, self._writer = streams
        self._bucket = bucket
        self._patience = patience
        self._secrets = secrets
        self._prefix = ""  # nick!user@host, as the others see us
        self._farewell = ""  # the server's words, if it had any
        self._parting = CLOSED
        self._tokens = map("fmn-{}".format, itertools.count(1))
        self._answer: Answer | None = None

    @property
    def now(self) -> float:
        """Seconds of the clock that all of a connection goes by."""
        return asyncio.get_running_loop().time()

    def room(self, target: str) -> int:
        """Return how many bytes of text a line to this target may have."""
        prefix = min(len(self._prefix.encode()) or USUAL_PREFIX, LONGEST_PREFIX)
        return LINE - len(f": PRIVMSG {target} :\r\n".encode()) - prefix

    def is_me(self, nick: str) -> bool:
        return self.support.fold(nick) == self.support.fold(self.nick)

    def words(self, line: Line) -> str:
        """Return the server's words for people, without our secrets if it echoes them."""
        return self.blotted(line.last)

    def blotted(self, said: str) -> str:
        """Return what the server said as one clean line without our secrets."""
        return self._secrets.sub("***", clean(said))[:MOST_WORDS]

    async def ask(self, *lines: str) -> list[Line]:
        """Write lines; return the numerics it answers with when it has dealt with all of them.

        Raises Lost.
        """
        token = next(self._tokens)

        def is_last(line: Line) -> bool:
            return line.command == "PONG" and line.last == token

        answer = Answer(lambda line: line.command.isdigit() or is_last(line), is_last)
        self._answer, left = answer, 0
        try:
            for line in (*lines, f"PING :{token}"):
                await self._turn()
                self._begin(line)
                left += 1
                await self._drained()
            async with asyncio.timeout(self._patience):
                await answer.ended.wait()
        except OSError as lost:
            self._parting = self._why(lost)
        finally:
            if not answer.complete:  # It may be under way, and is not for the next to hear.
                self._writer.transport.abort()
        if not answer.complete:
            raise Lost(self._parting, min(left, len(lines)), answer.lines)
        return answer.lines[:-1]

    async def listen_for(
        self, wanted: Callable[[Line], bool], *lines: str, within: float
    ) -> Line | None:
        """Write lines; return the first line that is wanted, or None if none comes in time.

        Raises OSError.
        """
        answer = self._answer = Answer(wanted, wanted)
        for line in lines:
            await self.write(line)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await answer.ended.wait()
                if not answer.complete:
                    raise Lost(self._parting, len(lines))
        return answer.lines[0] if answer.lines else None

    async def write(self, line: str) -> None:
        """Write a line when its turn has come. Raises OSError."""
        await self._turn()
        await self._put(line)

    async def listen(self) -> None:
        """Hear what the server says until the connection is lost, which raises OSError."""
        try:
            while True:
                await self._hear_or_ask()
        except OSError as lost:
            self._parting = self._why(lost)
            self._writer.transport.abort()  # After the end of what is heard nothing may be said.
            raise
        finally:
            if self._answer:  # Nobody hears the rest of it.
                self._answer.ended.set()

    async def heard(self) -> Line:
        """Return the next line, after dealing with what it says of us. Raises OSError."""
        try:
            raw = await self._reader.readline()
        except ValueError:
            raise ConnectionError("a line without an end came from the server") from None
        if not raw:  # A write tells nothing of a server that has gone; this does.
            raise ConnectionError(self._farewell or CLOSED)
        line = parse(raw.decode(errors="replace"))
        if line.command == "PING":  # Not counted: who does not answer is thrown out.
            await self._put(f"PONG :{line.last}")
        self._note(line)
        if self._answer:
            self._answer.hear(line)
        return line

    async def close(self) -> None:
        """Take leave, if anybody is there and the pace allows it."""
        try:
            with suppress(OSError):
                async with asyncio.timeout(1):
                    await self.write("QUIT :good bye")
                    self._writer.close()
                    await self._writer.wait_closed()
        finally:
            self._writer.transport.abort()

    async def _hear_or_ask(self) -> None:
        try:
            async with asyncio.timeout(MUTE * self._patience):
                await self.heard()
        except TimeoutError:
            await self.write("PING :fmn")
            async with asyncio.timeout(self._patience):
                await self.heard()

    def _why(self, lost: OSError) -> str:
        return self._farewell or clean(str(lost)) or f"no answer in {self._patience:g} s"

    async def _turn(self) -> None:
        await asyncio.sleep(self._bucket.take(self.now))

    async def _put(self, line: str) -> None:
        self._begin(line)
        await self._drained()

    def _begin(self, line: str) -> None:
        """Write a line: from now on it may have left."""
        if self._writer.is_closing():
            raise ConnectionError(self._farewell or self._parting)
        self._writer.write(clean(line).encode() + b"\r\n")

    async def _drained(self) -> None:
        async with asyncio.timeout(self._patience):
            await self._writer.drain()

    def _note(self, line: Line) -> None:
        match line.command:
            case "ERROR":
                self._farewell = self.words(line)
            case "JOIN" | "PART" | "KICK" | "NICK":
                self._move(line)
            case "001":
                self.nick = line.at(0) or self.nick
            case "005":
                self.support.hear(line)
            case "396":  # our host has got another name; some servers put our user before it
                who, _, _ = self._prefix.rpartition("@")
                self._prefix = f"{who}@{line.at(1).rpartition('@')[2]}" if who else ""
            case "311" if self.is_me(line.at(1)):  # the answer to WHOIS
                self._prefix = f"{self.nick}!{line.at(2)}@{line.at(3)}"
            case number if number in presence.NUMBERS:
                self.presence.hear(line, self.now)

    def _move(self, line: Line) -> None:
        room = self.support.fold(line.at(0))
        if line.command == "KICK" and self.is_me(line.at(1)):
            self.joined.discard(room)
        if not self.is_me(line.nick):
            return
        self._prefix = line.source
        if line.command == "JOIN":
            self.joined.add(room)
        elif line.command == "PART":
            self.joined.discard(room)
        elif line.command == "NICK":
            self.nick = line.at(0)
            self._prefix = f"{self.nick}!{line.source.partition('!')[2]}"
