"""Messages in a file or on stdin, a JSON object a line."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from fmn import config
from fmn.bus.batch import Batch, read_aside
from fmn.bus.facts import ROOM, Decoder, undecodable
from fmn.errors import ConfigError, InputError, UndecodableMessage
from fmn.model import Message, Undecodable

STDIN = "-"

Line = tuple[int, bytes]
"""Number, counted from 1, and bytes without the newline."""


def read_lines(path: str, max_body: int) -> Iterator[Line]:
    """Yield each line of a file, or with `-` of stdin, that is not blank.

    Of a line too long to be a message only so much is kept that decoding it says so.
    Raises InputError.
    """
    most = max_body + ROOM + 1
    try:
        with _opened(path) as file:
            for number, line in enumerate(iter(lambda: _line(file, most), b""), 1):
                if line.strip():
                    yield number, line.rstrip(b"\r\n")
    except OSError as failed:
        raise InputError(path, failed.strerror or failed) from None


class File:
    """A bus that is a file: it ends, forgets nothing, and is appended to."""

    connected = True

    def __init__(self, settings: config.Bus, decoder: Decoder) -> None:
        self._settings = settings
        self._decoder = decoder

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        pass

    async def batches(self, stop: asyncio.Event) -> AsyncIterator[Batch]:
        """Yield the messages in batches until the end of the file or `stop`. Raises InputError."""
        lines = read_lines(self._settings.path, self._settings.max_body)
        async for taken in read_aside(lines, self._settings.prefetch, stop):
            yield Batch(tuple(self._arrival(number, raw) for number, raw in taken))

    async def publish(self, lines: Iterable[bytes]) -> int:
        """Append lines to the file and return how many.

        Raises ConfigError where it is stdin or cannot be written, UndecodableMessage at the first
        line that is no message.
        """
        if self._settings.path == STDIN:
            raise ConfigError("bus.path", "stdin can only be read: name a file to publish to")
        try:
            return self._append(Path(self._settings.path), lines)
        except OSError as failed:
            words = failed.strerror or failed
            raise ConfigError("bus.path", f"{self._settings.path}: {words}") from None

    def _append(self, path: Path, lines: Iterable[bytes]) -> int:
        count = 0
        with path.open("ab+") as file:
            if _breaks_off(file):
                file.write(b"\n")
            for line in lines:
                self._decoder.line(line)
                file.write(line.strip() + b"\n")
                count += 1
        return count

    def _arrival(self, number: int, raw: bytes) -> Message | Undecodable:
        try:
            return self._decoder.line(raw)
        except UndecodableMessage as failed:
            return undecodable(raw, failed, f"line {number}: ")


def _opened(path: str) -> BinaryIO:
    # Not sys.stdin: a thread that waits in its lock would keep Python from ending.
    return open(0, "rb", closefd=False) if path == STDIN else Path(path).open("rb")


def _line(file: BinaryIO, most: int) -> bytes:
    line = rest = file.readline(most)
    while rest and not rest.endswith(b"\n"):
        rest = file.readline(most)
    return line


def _breaks_off(file: BinaryIO) -> bool:
    if file.tell() == 0:
        return False
    file.seek(-1, SEEK_END)
    return file.read() != b"\n"
