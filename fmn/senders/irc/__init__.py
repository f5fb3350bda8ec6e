"""IRC: one connection to each network, on which everything is said at a pace no server minds."""

import asyncio
import re
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from fmn.emission import Content, News, Recipient
from fmn.errors import PermanentFailure
from fmn.kinds import AddressField, AddressForm, Proof, Tell
from fmn.senders.irc.lines import clean
from fmn.senders.irc.settings import NICK, Network
from fmn.senders.irc.speaker import IN_HAND, Speaker
from fmn.senders.irc.speech import CHANNELS

TARGET = re.compile(rf"{NICK}|[#&][^\s,:]+")
LONGEST_TARGET = 100
"""Bytes. A longer one leaves little room for words."""
USUAL = ""
"""Name of the network whose addresses name none."""

NetworkName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class Irc:
    """Says each notification to a nick or in a channel, as one nick on each network.

    An address is a nick or a channel of the usual network; `oftc/alice` and `oftc/#fedora` are
    on the network of that name.
    """

    class Settings(Network):
        """The usual network, and further ones by name, each with the same keys."""

        networks: dict[NetworkName, Network] = Field(default={})

    def __init__(self, settings: Settings) -> None:
        networks = {USUAL: settings, **settings.networks}
        self._usual = settings.host
        self._names = sorted(settings.networks)
        self._accounts = sorted({f"{one.nick}@{one.host}:{one.port}" for one in networks.values()})
        self._speakers = {
            name: Speaker(network, alone=len(networks) == 1) for name, network in networks.items()
        }

    lacks = None

    @property
    def forms(self) -> tuple[AddressForm, ...]:
        """One field; the hint says which networks there are."""
        hint = f"On {self._usual}: alice or #fedora."
        if self._names:
            others = ", ".join(f"{name}/alice" for name in self._names)
            hint += f" On another network its name comes first: {others}."
        field = AddressField("address", "Nick or #channel", hint)
        return (AddressForm("IRC", (field,), "{address}"),)

    def fault(self, address: str) -> str | None:
        """Return why nobody has this address on any network here; None if somebody may."""
        name, target = _parts(address)
        if not TARGET.fullmatch(target) or not address.isprintable() or _is_long(target):
            return "not a nick or a #channel"
        if name not in self._speakers or address.startswith("/"):
            known = f"there are {', '.join(self._names)}" if self._names else "there is only one"
            return f"on a network that is not known here: {known}"
        return None

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # the same for nicks and channels
        """Return how it is shown that this address may be written to."""
        return Proof.CODE

    def shown(self, address: str) -> str:
        """Return the address: nothing of it is secret."""
        return address

    async def hear(self, tell: Tell) -> None:
        """Return at once: nothing comes back by itself."""

    @property
    def at_once(self) -> int:
        """As many as the networks take together: none finds its places taken by another."""
        return IN_HAND * len(self._speakers)

    @property
    def account(self) -> str:
        """All our nicks: whoever speaks on one network speaks on all of them."""
        return ",".join(self._accounts)

    async def __aenter__(self) -> Self:
        for speaker in self._speakers.values():
            speaker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(speaker.stop() for speaker in self._speakers.values()))

    async def send(self, content: Content, recipient: Recipient) -> News | None:
        """Say the text; return when the server has dealt with every line of it.

        Raises PermanentFailure where the address is none or the server refuses it, Absent where
        nobody has the nick just now, PeerAway where there is no connection to the only network,
        InDoubt where it is lost when all had left, TransientFailure for all else.
        """
        address = recipient.address
        if why := self.fault(address):
            raise PermanentFailure(f"{address[:300]!r} is {why}")
        lines = content.text_for(recipient).splitlines()
        if not any(clean(line).strip() for line in lines):
            raise PermanentFailure(f"{address!r}: the text is empty")
        name, target = _parts(address)
        async with self._speakers[name].turn(target) as speech:
            if "code" in content.headers:
                return await speech.confirm(target, content.headers.get("user", ""), lines)
            await speech.tell(target, lines)
        return None


def _parts(address: str) -> tuple[str, str]:
    """Return the name of the network, in lower case, and the nick or channel there."""
    if address.startswith(CHANNELS) or "/" not in address:
        return USUAL, address
    name, _, target = address.partition("/")
    return name.lower(), target


def _is_long(target: str) -> bool:
    return len(target.encode(errors="replace")) > LONGEST_TARGET
