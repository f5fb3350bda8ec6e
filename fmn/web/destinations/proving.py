"""Writing to an address so that its owner proves that it is theirs, or sees that it works.

Each is limited by who asks and by whom it is sent to: nobody may be made a nuisance through us.
Each returns the word for what a page says of it, from `showing.SAID`.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Literal

from fmn.errors import Unavailable
from fmn.model import Destination
from fmn.web.destinations import letters
from fmn.web.parts import Parts

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CONFIRMATIONS = 5
TESTS = 10
"""At most so many in an hour."""
A_DAY = 10
"""Confirmations that one address may be asked for in a day, whoever asks."""


Said = Literal["sent", "busy", "away"]


def unproven(parts: Parts, destination: Destination) -> str | None:
    """Return why no link can prove that this address is its user's; None where one can."""
    if not parts.links.are_there:
        return "this site makes no links: `web.url` or `web.secret` is not set"
    kind = parts.kinds.get(destination.kind)
    if kind is None:
        return "nothing is sent to addresses of this kind any more"
    return kind.unproven(destination.address)


async def ask(parts: Parts, destination: Destination) -> Said:
    """Ask whoever reads this address to confirm it."""
    try:
        if not await _may_ask(parts, destination):
            return "busy"
        await parts.queues.tell(*letters.confirmation(destination, parts.links, parts.now()))
    except Unavailable:
        return "away"
    return "sent"


async def test(parts: Parts, destination: Destination) -> Said:
    """Send something to see that it arrives."""
    try:
        if not await parts.queues.allowed("test", destination.user, times=TESTS, within=HOUR):
            return "busy"
        await parts.queues.tell(*letters.test(destination, parts.now()))
    except Unavailable:
        return "away"
    return "sent"


async def _may_ask(parts: Parts, destination: Destination) -> bool:
    # One address of two users is one person who is asked. No address stands in a key.
    address = sha256(destination.address.casefold().encode(errors="replace")).hexdigest()
    allowed, user, there = parts.queues.allowed, f"user {destination.user}", f"address {address}"
    return (
        await allowed("confirmation", user, times=CONFIRMATIONS, within=HOUR)
        and await allowed("confirmation", there, times=CONFIRMATIONS, within=HOUR)
        and await allowed("confirmation-day", there, times=A_DAY, within=DAY)
    )
