"""`fmn publish`."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from fmn.bus.bus import open_bus
from fmn.bus.facts import Decoder
from fmn.bus.file import read_lines
from fmn.cli.say import emit_text, say
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.errors import UndecodableMessage


def publish(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Messages, a JSON object a line.")],
    config: ConfigFile = None,
) -> None:
    """Put messages on the configured bus; print how many."""
    at = site(config)
    good = _Good(at, file)
    emit_text(f"{run(_publish(at, good))}\n")
    if good.bad:
        raise typer.Exit(1)


class _Good:
    """The lines of a file that are messages; the others are said, with their number."""

    def __init__(self, at: Site, file: str) -> None:
        self._at = at
        self._file = file
        self.bad = 0

    def __iter__(self) -> Iterator[bytes]:
        bus = self._at.settings.bus
        decoder = Decoder(bus, warn=lambda *_: None)
        for number, line in read_lines(self._file, bus.max_body):
            try:
                decoder.publication(line)
            except UndecodableMessage as failed:
                self.bad += 1
                say(Text(f"{self._file}: line {number}: {failed}"))
            else:
                yield line


async def _publish(at: Site, lines: _Good) -> int:
    async with open_bus(at.settings.bus, lambda *_: None) as bus:
        return await bus.publish(lines)
