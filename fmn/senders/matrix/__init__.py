"""Matrix: direct messages, each person in a room of their own with us.

Rooms are not encrypted: homeservers of both sides can read what is said there.
"""

import asyncio
import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Self

from nio import Api
from pydantic import Field

from fmn.config.fields import Duration
from fmn.egress.doubt import Doubt
from fmn.emission import Content, Recipient
from fmn.errors import PermanentFailure
from fmn.kinds import AddressField, AddressForm, Proof, Tell
from fmn.senders.matrix.answer import Refused
from fmn.senders.matrix.event import event_of
from fmn.senders.matrix.homeserver import SERVER, USER, Account, Homeserver
from fmn.senders.matrix.rooms import Rooms

ServerName = Annotated[str, Field(pattern=f"^{SERVER}$")]

LONGEST_ADDRESS = 255
"""Bytes, sigil and server name included: Matrix 1.11, appendix 4.2.1."""


class Matrix:
    """Writes each notification to a person's direct room, as one account on a homeserver.

    Any number of processes may do it. With an access token that all share they are one device,
    and a retry by any of them is no duplicate; by password each is a device of its own, and only
    its own retries are none. Two that write to the same person for the first time in the same
    moment make two rooms.
    """

    class Settings(Account):
        """The account that writes to everybody, and accounts for the people of some servers."""

        timeout: Duration = timedelta(seconds=30)
        at_once: int = Field(default=10, ge=1, le=100)
        instances: dict[ServerName, Account] = Field(default_factory=dict)
        """Server name → who writes to its people, instead of the usual account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._patience = settings.timeout.total_seconds()
        self._usual = self._rooms_of(settings)
        self._instances = {
            name: self._rooms_of(account) for name, account in settings.instances.items()
        }

    forms = (
        AddressForm(
            "Matrix", (AddressField("address", "Matrix ID", "@alice:example.org"),), "{address}"
        ),
    )

    @property
    def lacks(self) -> str | None:
        """Which setting is missing before it can send anything; None where none is."""
        accounts: dict[str, Account] = {"": self._settings}
        accounts |= {f'instances."{name}".': a for name, a in self._settings.instances.items()}
        for at, account in accounts.items():
            if name := account.lacks:
                return f"senders.matrix.{at}{name} is not set"
        return None

    def fault(self, address: str) -> str | None:
        """Return why this is nobody's Matrix ID; None if it may be somebody's."""
        if len(address.encode(errors="replace")) > LONGEST_ADDRESS:
            return f"longer than a Matrix ID may be, {LONGEST_ADDRESS} bytes"
        if not re.fullmatch(USER, address):
            return "not a Matrix ID, like @alice:example.org"
        return None

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # the same for everybody
        """Return how it is shown that this address may be written to."""
        return Proof.CODE

    def shown(self, address: str) -> str:
        """Return the address: nothing of it is secret."""
        return address

    async def hear(self, tell: Tell) -> None:
        """Return at once: nothing comes back by itself."""

    @property
    def at_once(self) -> int:
        return self._settings.at_once

    @property
    def account(self) -> str | None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(each.close() for each in (self._usual, *self._instances.values())))

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Write to a person's room, which is made where there is none; they may join it later.

        Raises PermanentFailure where the address is none, AddressRefused where nobody has it or
        they do not want to be invited, PeerAway where the only homeserver is away or lets us not
        in, InDoubt where it may have been written by a device that is only ours, and
        TransientFailure for all else.
        """
        person = recipient.address
        if why := self.fault(person):
            raise PermanentFailure(f"{person[:300]!r} is {why}")
        event = event_of(content, recipient)
        rooms = self._instances.get(person.partition(":")[2], self._usual)
        began, doubt = rooms.homeserver.now, Doubt()
        try:
            async with asyncio.timeout(self._patience):
                # Whoever asks for a code wants to be invited, however often they left.
                room = await rooms.room_of(person, wanted="code" in content.headers)
                ask = partial(rooms.homeserver.ask, doubt=doubt)
                call = partial(_said, event, recipient.identity)
                try:
                    await ask(*call(room), but={"M_FORBIDDEN"})
                except Refused:  # We are not in it any more.
                    await ask(*call(await rooms.room_of(person, instead_of=room)))
        except TimeoutError:
            raise rooms.homeserver.late(began, doubt) from None

    def _rooms_of(self, account: Account) -> Rooms:
        alone = not self._settings.instances
        return Rooms(Homeserver(account, self._patience, alone=alone))


def _said(event: dict[str, str], transaction: str, room: str) -> tuple[str, str, str]:
    method, path, body = Api.room_send("", room, "m.room.message", event, transaction)
    return method, path, body
