"""What a server answers to what was said, as far as it comes before the connection is lost."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fmn.senders.irc.lines import Line

MOST_HEARD = 1000
"""Lines that may be the answer to something: far more than the names of a large channel take."""


class Lost(ConnectionError):
    """The connection is lost, or the server does not answer."""

    def __init__(self, why: str, left: int, heard: Sequence[Line] = ()) -> None:
        super().__init__(why)
        self.left = left
        """How many lines may have left by then."""
        self.heard = heard
        """What had been answered by then."""


@dataclass(slots=True)
class Answer:
    """What is heard from now on, as far as it is wanted, until it is over."""

    wanted: Callable[[Line], bool]
    last: Callable[[Line], bool]
    lines: list[Line] = field(default_factory=list)
    complete: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """It is complete, or the connection is lost."""

    def hear(self, line: Line) -> None:
        if self.complete or not self.wanted(line):
            return
        if len(self.lines) == MOST_HEARD:
            raise ConnectionError("the server says far more than it was asked for")
        self.lines.append(line)
        if self.last(line):
            self.complete = True
            self.ended.set()
