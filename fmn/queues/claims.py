"""Claims: a sender's hold on a notification before the I/O; they make at-least-once once.

A claim carries the origin of the message that made the notification. The first origin to claim
a key owns it, for as long as claims live (24 h by default, about 200 B each).
"""

import secrets
from datetime import timedelta
from enum import StrEnum

from fmn.model import Key, Origin
from fmn.queues import keys
from fmn.queues.connection import Connection


class Answer(StrEnum):
    """What the server says to a claim."""

    FREE = "free"
    DUPLICATE = "duplicate"
    """Another origin owns it: the bus delivered the message twice."""
    SENT = "sent"
    """It went out; only its record was lost."""
    DOUBT = "doubt"
    """An attempt ended without a word: nobody can say whether it went out."""


class Claims:
    """The claims of one process."""

    def __init__(self, connection: Connection, *, lifetime: timedelta) -> None:
        self._connection = connection
        self._milliseconds = int(lifetime.total_seconds() * 1000)

    async def claim(self, key: Key, origin: Origin) -> Answer:
        """Claim a key for an origin; only FREE and DOUBT may be sent."""
        # The token makes a repeat of this very command, after a lost answer, no doubt.
        token = secrets.token_hex(8)
        arguments = (origin, token, self._milliseconds)
        answer = await self._connection.run("claim", [keys.claim(key)], *arguments)
        return Answer(answer.decode())

    async def mark(self, key: Key, origin: Origin, *, sent: bool) -> None:
        """Note how the attempt ended: sent, or refused, so that it may be tried again."""
        value = f"{'sent' if sent else 'refused'} {origin} -"
        await self._connection.do("SET", keys.claim(key), value, "PX", self._milliseconds)
