"""Stand-ins for what the pages talk to outside this process: they remember what was said."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fmn.errors import InputError, Unavailable
from fmn.kinds import AddressField, AddressForm, Kind, Proof
from fmn.model import Message, Notification
from fmn.senders.email import Email
from fmn.senders.irc import Irc

BIRDS = ("Crow", "Jay", "Magpie", "Parrot", "Raven", "Owl")
"""Services that birds chat on: more than a page shows at once."""


class FakeQueues:
    """Queues that note everything and allow everything, unless a test says otherwise."""

    def __init__(self) -> None:
        self.nudges: list[int] = []
        self.told: list[tuple[Message, Notification]] = []
        self.purged: list[frozenset[str]] = []
        self.uses: list[tuple[str, str]] = []
        """What was counted against a limit, and whose it was."""
        self.refused: set[str] = set()
        """Uses that are not allowed any more."""
        self.away = False
        """Whether everything raises Unavailable."""
        self.load_says: Mapping[str, Any] = {"channels": [], "workers": [], "lanes": []}
        self.ledger_says: Mapping[str, Any] = {}
        self.dead: list[Mapping[str, Any]] = []
        self.alive: list[tuple[str, float]] = []

    async def nudge(self, version: int) -> None:
        self._asked()
        self.nudges.append(version)

    async def tell(self, message: Message, notification: Notification) -> None:
        self._asked()
        self.told.append((message, notification))

    async def purge(self, destinations: frozenset[str]) -> int:
        self._asked()
        self.purged.append(destinations)
        return len(destinations)

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        self._asked()
        self.uses.append((what, who))
        return what not in self.refused

    async def load(self) -> Mapping[str, Any]:
        self._asked()
        return self.load_says

    async def ledger(self) -> Mapping[str, Any]:
        self._asked()
        return self.ledger_says

    async def dead_letters(self) -> list[Mapping[str, Any]]:
        self._asked()
        return self.dead

    async def replay(self, letter: str) -> bool:
        self._asked()
        if not letter.startswith("0/"):
            raise InputError(letter, "only its first bytes were kept")
        return self._taken(letter)

    async def drop(self, letter: str) -> bool:
        self._asked()
        return self._taken(letter)

    def _taken(self, letter: str) -> bool:
        there = [one for one in self.dead if one["id"] == letter]
        self.dead = [one for one in self.dead if one["id"] != letter]
        return bool(there)

    async def processes(self) -> list[tuple[str, float]]:
        self._asked()
        return self.alive

    def _asked(self) -> None:
        if self.away:
            raise Unavailable("Redis", "a test took it away")


class Birds:
    """A kind with many forms and a secret in each address.

    An owl answers what was sent to it, a raven is met on our own page; for all others somebody
    types a code.
    """

    def __init__(self, lacks: str | None = None) -> None:
        self.lacks = lacks
        self.forms = tuple(map(_form, BIRDS))

    def fault(self, address: str) -> str | None:
        bird, _, rest = address.partition(":")
        room, _, token = rest.partition("/")
        if bird.title() not in BIRDS or not room:
            return "not a place where birds are"
        return None if len(token) >= 12 else "a place with a token that is too short"

    def proof(self, address: str) -> Proof:
        own = {"owl": Proof.ANSWER, "raven": Proof.PAGE}
        return own.get(address.partition(":")[0], Proof.CODE)

    def shown(self, address: str) -> str:
        return f"{address.partition('/')[0]}/…" if "/" in address else "where birds are"


def some_kinds() -> dict[str, Kind]:
    """Return two kinds of sender as they are, and one with forms and secrets."""
    return {"email": Email(Email.Settings()), "irc": Irc(Irc.Settings()), "birds": Birds()}


def _form(bird: str) -> AddressForm:
    fields = (AddressField("room", "Room"), AddressField("token", "Token", secret=True))
    return AddressForm(bird, fields, bird.lower() + ":{room}/{token}")
