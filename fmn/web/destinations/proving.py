"""Writing to an address so that its owner proves that it is theirs, or sees that it works.

Each letter is limited by who asks and by whom it is sent to: nobody may be made a nuisance through
us. What is typed is limited, too: nobody may guess a code.
Each returns the word for what a page says of it, from `showing.SAID`.
"""

from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Literal

from yarl import URL

from fmn.errors import Unavailable
from fmn.kinds import Proof
from fmn.model import Destination, Message, Notification
from fmn.preferences import states
from fmn.preferences.written import refusal
from fmn.web.changing import change
from fmn.web.destinations import letters
from fmn.web.parts import Parts

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CONFIRMATIONS = 5
TESTS = 10
"""At most so many in an hour."""
A_DAY = 10
"""Confirmations that one address may be asked for in a day, whoever asks."""
OF_HOST = 20
"""Confirmations that the addresses of one host on the web may be asked for in an hour in all."""
FOLDED = str.maketrans(r"[]\^", "{}|~")
"""Signs that are one in nicks and channels, as small letters and capitals are: RFC 1459, 2.2."""
GUESSES = 10
"""Codes that may be typed for one destination in an hour: there are 2^40."""
GUESSES_OF_USER = 30
"""Codes that one user may type in an hour."""

WRONG = (
    "this is not the code, or it is too old: look for the newest one that was sent there, "
    "or have another sent"
)

Said = Literal["sent", "confirmed", "busy", "away"]


def proof_of(parts: Parts, destination: Destination) -> Proof | None:
    """Return how it is shown that this address may be written to; None where nothing can now."""
    if obstacle(parts, destination):
        return None
    return parts.kinds[destination.kind].proof(destination.address)


def obstacle(parts: Parts, destination: Destination) -> str | None:
    """Return why nothing can prove just now that this address is its user's; None where it can."""
    if silence := parts.silence(destination.kind):
        return silence
    proof = parts.kinds[destination.kind].proof(destination.address)
    if proof is Proof.PAGE:
        return None if parts.push_key else "this site has no key to notify browsers with"
    if proof is Proof.LINK and not parts.links.are_there:
        return "this site makes no links: `web.url` or `web.secret` is not set"
    if not parts.links.code(destination.id, parts.now()):
        return "this site makes no codes: `web.secret` is not set"
    return None


async def ask(parts: Parts, destination: Destination) -> Said:
    """Ask whoever reads this address to confirm it, where `Place.may_ask` says so."""
    try:
        if not await _is_rare(parts, destination):
            return "busy"
        await parts.queues.tell(*_letter(parts, destination))
    except Unavailable:
        return "away"
    return "sent"


async def test(parts: Parts, destination: Destination) -> Said:
    """Send something to see that it arrives, where `Parts.silence` knows nothing against it."""
    try:
        if not await parts.queues.allowed("test", destination.user, times=TESTS, within=HOUR):
            return "busy"
        await parts.queues.tell(*letters.test(destination, parts.now()))
    except Unavailable:
        return "away"
    return "sent"


async def type_code(parts: Parts, destination: Destination, typed: str) -> Said:
    """Confirm a destination whose owner types the code that was sent there.

    Raises FieldError where it is another code, or too old.
    """
    try:
        if not await _may_guess(parts, destination):
            return "busy"
    except Unavailable:
        return "away"
    if not parts.links.is_code(destination.id, typed, parts.now()):
        raise refusal("", ("code",), WRONG)
    edit = partial(states.confirm, destination=destination.id)
    await change(parts, destination.user, edit, by=destination.user)
    return "confirmed"


def bothered(kind: str, address: str) -> tuple[str, str]:
    """Return the address that a letter there bothers, and its host; "" where it has none.

    However it is spelled it is one: in another case, in what IRC takes for another case, with
    another fragment of an address on the web, which is never sent. The host of such an address
    is scheme, name and port.
    """
    folded = address.casefold()
    if kind == "irc":
        return folded.translate(FOLDED), ""
    if not folded.startswith(("https://", "http://")):
        return folded, ""
    try:
        url = URL(folded)
        host = url.with_host((url.host or "").rstrip(".")).origin()
    except ValueError:
        return folded, ""
    return str(url.with_fragment(None)), str(host)


def _letter(parts: Parts, to: Destination) -> tuple[Message, Notification]:
    proof, now = parts.kinds[to.kind].proof(to.address), parts.now()
    if proof is Proof.LINK:
        return letters.by_link(to, parts.links, now)
    return letters.by_code(to, proof, parts.links, shown=parts.shown(to), now=now)


async def _is_rare(parts: Parts, destination: Destination) -> bool:
    # One address of two users is one person who is asked.
    address, host = bothered(destination.kind, destination.address)
    allowed, user = parts.queues.allowed, f"user {destination.user}"
    there, around = f"address {_hashed(address)}", f"host {_hashed(host)}"
    return (
        await allowed("confirmation", user, times=CONFIRMATIONS, within=HOUR)
        and await allowed("confirmation", there, times=CONFIRMATIONS, within=HOUR)
        and await allowed("confirmation-day", there, times=A_DAY, within=DAY)
        and (not host or await allowed("confirmation", around, times=OF_HOST, within=HOUR))
    )


def _hashed(address: str) -> str:
    return sha256(address.encode(errors="replace")).hexdigest()  # none stands in a key


async def _may_guess(parts: Parts, destination: Destination) -> bool:
    allowed, user, one = parts.queues.allowed, destination.user, destination.id
    return await allowed(
        "code", f"user {user}", times=GUESSES_OF_USER, within=HOUR
    ) and await allowed("code", f"destination {one}", times=GUESSES, within=HOUR)
