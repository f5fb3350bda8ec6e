"""The face of every bus, and which one the settings mean."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fmn import config
from fmn.bus.amqp import Amqp
from fmn.bus.batch import Batch
from fmn.bus.facts import Decoder
from fmn.bus.file import File


class Bus(AbstractAsyncContextManager["Bus", None], Protocol):
    """Where messages come from. To be entered before use."""

    @property
    def connected(self) -> bool:
        """Whether messages can come now."""

    def batches(self, stop: asyncio.Event) -> AsyncIterator[Batch]:
        """Yield what has arrived, until the bus ends or `stop` is set.

        What is not acknowledged comes again, to this or another process. A connection that is
        lost is made again. Raises ConfigError where trying again cannot help.
        """

    async def publish(self, lines: Iterable[bytes]) -> int:
        """Put lines of a file of messages on the bus; return how many, all of them safe there.

        Raises UndecodableMessage at the first line that cannot be published, ConfigError, and
        Unavailable.
        """


def open_bus(settings: config.Bus, warn: Callable[[str, str], None]) -> Bus:
    """Return the bus that the settings mean; `warn` is the Decoder's. Raises ConfigError."""
    decoder = Decoder(settings, warn=warn)
    return File(settings, decoder) if settings.kind == "file" else Amqp(settings, decoder)
