"""Claims: a sender's hold on a notification before the I/O; they make at-least-once once.

A claim carries the origin of the message that made the notification. The first origin to claim
a key owns it, for as long as claims live (24 h by default, about 200 B each).
"""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from fmn.model import Key, Origin
from fmn.queues import keys
from fmn.queues.connection import Connection
from fmn.queues.life import Life
from fmn.queues.reader import DEADLY

REMEMBERED = 10_000
"""So many of the last keys that went out a process knows by itself, should Redis forget them."""


class Answer(StrEnum):
    """What the server says to a claim."""

    FREE = "free"
    DUPLICATE = "duplicate"
    """Another origin owns it: the bus delivered the message twice."""
    SENT = "sent"
    """It went out; only its record was lost."""
    DOUBT = "doubt"
    """An attempt ended without a word: nobody can say whether it went out."""
    DEADLY = "deadly"
    """Its sender died of it DEADLY times, with nothing else in hand."""


class Mark(StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    REFUSED = "refused"
    """It did not go out, so it may be tried again."""
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Claim:
    """The hold of one attempt on the notifications of one recipient."""

    keys: tuple[Key, ...]
    origin: Origin
    token: str
    answers: tuple[Answer, ...]

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to send."""
        return set(self.answers) <= {Answer.SENT, Answer.DUPLICATE}

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier attempt may have gone out."""
        return not {Answer.DOUBT, Answer.DEADLY}.isdisjoint(self.answers)


class Claims:
    """The claims of one process."""

    def __init__(self, connection: Connection, life: Life, *, lifetime: timedelta) -> None:
        self._connection = connection
        self._life = life
        self._milliseconds = int(lifetime.total_seconds() * 1000)
        self._sent: OrderedDict[tuple[Key, Origin], None] = OrderedDict()

    async def claim(
        self, wanted: Sequence[Key], origin: Origin, *, alone: bool = False, insist: bool = False
    ) -> Claim:
        """Claim keys for an origin, and say what is known of each.

        `alone`: nothing else is in hand, so if this process dies, it dies of these. `insist`: an
        operator wants them sent, whatever became of earlier attempts.
        """
        # The token makes a repeat of this very command, after a lost answer, no doubt.
        token = secrets.token_hex(8)
        deadly = DEADLY if alone and not insist else 0
        told = (origin, token, self._milliseconds, deadly, int(insist))
        answers = [await self._connection.run("claim", [keys.claim(key)], *told) for key in wanted]
        pairs = zip(wanted, answers, strict=True)
        known = tuple(self._known(key, origin, Answer(said.decode())) for key, said in pairs)
        return Claim(tuple(wanted), origin, token, known)

    async def mark(self, claim: Claim, how: Mark) -> None:
        """Note how the attempt ended. An earlier one in doubt stays so until this one is sent."""
        doubt = how is Mark.DOUBT or claim.in_doubt
        told = (claim.origin, claim.token, self._milliseconds, how, int(doubt))
        if how is Mark.SENT:
            self._remember(claim)
        for key in claim.keys:
            await self._connection.run("mark", [keys.claim(key)], *told)

    def _known(self, key: Key, origin: Origin, answer: Answer) -> Answer:
        """Return the answer, or what we know better than a Redis that went back in time."""
        if (key, origin) in self._sent and answer is not Answer.DUPLICATE:
            return Answer.SENT
        # What is older than its fall may have gone out, and nothing is left that says so.
        lost = 0 < _milliseconds(origin) < self._life.crew.went_back
        return Answer.DOUBT if lost and answer is Answer.FREE else answer

    def _remember(self, claim: Claim) -> None:
        self._sent |= dict.fromkeys(((key, claim.origin) for key in claim.keys), None)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)


def _milliseconds(origin: Origin) -> int:
    """Return when the message behind it came, by the server's clock; 0 where no message is."""
    at = origin.rpartition("/")[2].partition("-")[0]
    return int(at) if at.isdecimal() else 0
