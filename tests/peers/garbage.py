"""Peers that answer garbage, stall or close early, at every step of a dialogue, from a seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

ENDLESS = 60
"""So often a part of what has no end is said: longer than anybody listens."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Gone(Exception):
    """The peer has hung up."""


class Garbage:
    """Says what is proper, or something else now and then.

    `codes` are beginnings of lines that mean something in the protocol.
    """

    def __init__(
        self, seed: str, codes: list[bytes], often: float, oftener: Sequence[str] = ()
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311  # so that it can be repeated
        self._codes = codes
        self._often = often
        self._oftener = oftener  # steps that are rare
        self.seen: Counter[tuple[str, str]] = Counter()
        """(step, what was wrong) → how often."""
        self.trail: list[tuple[str, str]] = []
        """What was wrong of late."""
        self.said = bytearray()
        """What was said, properly or not, since somebody put another one here."""

    def often(self, share: float) -> bool:
        return self._random.random() < share

    async def answer(
        self, step: str, proper: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer. Raises Gone, OSError."""
        if not self.often(3 * self._often if step in self._oftener else self._often):
            await self._say("", proper, writer)
            return
        wrong = self._random.choice(WRONG)
        name = wrong.__name__
        self.seen[step, name] += 1
        self.trail = [*self.trail[-9:], (step, name)]
        said = wrong(self._random, proper, self._codes)
        await self._say(name, said, writer)
        then = name if name in ENDS else self._random.choice(("go on", "go on", *ENDS))
        if then in ENDS:
            await self._end(then, reader, writer)

    async def _say(self, name: str, said: bytes, writer: asyncio.StreamWriter) -> None:
        pieces = [said]
        if name == "without_end":
            pieces = [said] * ENDLESS
        elif name and self.often(0.2) and len(said) > 1:
            cut = self._random.randrange(1, len(said))
            pieces = [said[:cut], said[cut:]]
        for piece in pieces:
            if writer.is_closing():
                raise Gone
            self.said += piece
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async def _end(
        self, how: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if how == "stalls":
            with suppress(OSError):
                while await reader.read(65536):
                    pass
        elif how == "closes":
            writer.close()
        else:
            writer.transport.abort()
        raise Gone


def random_bytes(dice: random.Random, _: bytes, __: list[bytes]) -> bytes:
    return dice.randbytes(dice.randrange(200))


def random_line(dice: random.Random, _: bytes, __: list[bytes]) -> bytes:
    return dice.randbytes(dice.randrange(80)) + b"\r\n"


def half(dice: random.Random, proper: bytes, _: list[bytes]) -> bytes:
    return proper[: dice.randrange(max(1, len(proper)))]


def huge(dice: random.Random, proper: bytes, codes: list[bytes]) -> bytes:
    start = dice.choice([proper[:4], dice.choice(codes), b""])
    size = dice.choice([600, 600, 5_000, 17_000, 70_000])
    return (
        start + dice.choice([b"x", b"9", b" ", b"\x00", b"=", b"-"]) * size + dice.choice(LINE_ENDS)
    )


def nuls(dice: random.Random, proper: bytes, _: list[bytes]) -> bytes:
    at = dice.randrange(len(proper) + 1)
    return proper[:at] + b"\x00" * dice.randrange(1, 9) + proper[at:]


def wrong_code(dice: random.Random, _: bytes, codes: list[bytes]) -> bytes:
    enhanced = b"%d.%d.%d " % tuple(dice.choices(range(12), k=3)) if dice.random() < 0.5 else b""
    return dice.choice(codes) + enhanced + dice.choice(WORDS) + dice.choice(LINE_ENDS)


def mutated(dice: random.Random, proper: bytes, __: list[bytes]) -> bytes:
    said = bytearray(proper)
    for _ in range(dice.randrange(1, 4)):
        if said:
            said[dice.randrange(len(said))] = dice.randrange(256)
    return bytes(said)


def twice(_: random.Random, proper: bytes, __: list[bytes]) -> bytes:
    return proper * 2


def and_more(dice: random.Random, proper: bytes, codes: list[bytes]) -> bytes:
    return proper + wrong_code(dice, proper, codes)


def line_ends(dice: random.Random, proper: bytes, _: list[bytes]) -> bytes:
    return b"".join(dice.choices(LINE_ENDS, k=dice.randrange(1, 9))) + proper


def without_end(dice: random.Random, proper: bytes, codes: list[bytes]) -> bytes:
    line = dice.choice(codes)[:3] + b"-" + dice.choice(WORDS[:4]) + b"\r\n"
    return line * dice.choice([1, 300])


def stalls(_: random.Random, __: bytes, ___: list[bytes]) -> bytes:
    return b""


def closes(_: random.Random, __: bytes, ___: list[bytes]) -> bytes:
    return b""


def aborts(_: random.Random, __: bytes, ___: list[bytes]) -> bytes:
    return b""


ENDS = ("stalls", "closes", "aborts")
WRONG = (
    *(random_bytes, random_line, half, huge, nuls, wrong_code, wrong_code, mutated, twice),
    *(and_more, line_ends, without_end, stalls, closes, aborts),
)
LINE_ENDS = [b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\x0b", b"\x85"]
WORDS = [b"", b"no", b"\xff\xfe", b"= =", b":", b"%s %n", b"a@b", b"\xd9\xa3" * 9, b"1" * 5000]


async def serving(serve: Serve) -> asyncio.Server:
    """Run a server for it; each connection ends when it is gone."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (Gone, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    return await asyncio.start_server(one, "127.0.0.1", 0)
