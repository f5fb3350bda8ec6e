"""The messages of a FILE: a bad line is said with its number, and the rest goes on."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from rich.text import Text

from fmn import config
from fmn.bus.facts import Decoder
from fmn.bus.file import read_lines
from fmn.cli.say import say
from fmn.errors import UndecodableMessage

T = TypeVar("T")


class Lines(Generic[T]):
    """What `read` makes of each line of a file. Raises InputError where there is no such file."""

    def __init__(self, file: str, bus: config.Bus, read: Callable[[Decoder, bytes], T]) -> None:
        self._file = file
        self._bus = bus
        self._read = read
        self.bad = 0
        """Lines that were none, so far."""

    def __iter__(self) -> Iterator[T]:
        decoder = Decoder(self._bus, warn=lambda *_: None)
        for number, line in read_lines(self._file, self._bus.max_body):
            try:
                read = self._read(decoder, line)
            except UndecodableMessage as failed:
                self.bad += 1
                say(Text(f"{self._file}: line {number}: {failed}"))
            else:
                yield read
