"""Slack, Discord, Mattermost, Telegram and more, through Apprise in processes of its own."""

from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import Self

from pydantic import Field, field_validator

from fmn.config.fields import AllowedNetwork, Duration, Section
from fmn.egress import refused
from fmn.egress.address import NUMBER
from fmn.egress.hosts import Hosts
from fmn.emission import Content, Recipient
from fmn.errors import (
    AddressGone,
    AddressRefused,
    FmnError,
    InDoubt,
    PermanentFailure,
    TransientFailure,
)
from fmn.kinds import AddressForm, Proof, Tell
from fmn.senders.chat.asked import Reply, Request
from fmn.senders.chat.services import SERVICES, Service
from fmn.senders.chat.speakers import Speakers
from fmn.senders.chat.words import LONGEST_SUBJECT, cut, said

GONE = 410
NOT_FOUND = 404
"""At a host of the service's own it may say that the address is gone; elsewhere a proxy may."""
REFUSED = {401, 403, NOT_FOUND}
REDIRECTS = range(300, 400)
FOR_NOW = {408, 409, 423, 425, 429}
"""Too slow, in conflict, locked, too early, too many: later it may go."""
NEVER = range(400, 500)


class Chat:
    """Says each notification where people chat, as what they gave of the place allows."""

    class Settings(Section):
        """Which services people may choose, and how Apprise is kept within bounds."""

        services: tuple[str, ...] = tuple(SERVICES)
        processes: int = Field(default=4, ge=1, le=64)
        timeout: Duration = timedelta(seconds=30)
        private_networks: tuple[AllowedNetwork, ...] = ()

        @field_validator("services")
        @classmethod
        def _are_known(cls, services: tuple[str, ...]) -> tuple[str, ...]:
            for name in services:
                if name not in SERVICES:
                    raise ValueError(f"{name!r} is none of {', '.join(SERVICES)}")
            return services

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._networks = settings.private_networks
        self._services = {name: SERVICES[name] for name in settings.services}
        self._hosts = Hosts(at_once=settings.processes, timeout=settings.timeout)

    @property
    def lacks(self) -> str | None:
        if find_spec("apprise") is None:
            return "apprise is not installed: it comes with the extra fmn[chat]"
        return None if self._services else "senders.chat.services is empty"

    @property
    def forms(self) -> tuple[AddressForm, ...]:
        return tuple(service.form(name) for name, service in self._services.items())

    def fault(self, address: str) -> str | None:
        """Return why nothing can be sent to this address, without repeating it."""
        name, _, rest = address.partition(":")
        if (service := self._services.get(name)) is None:
            return f"not an address of {', '.join(self._services)}: SERVICE:FIELD/FIELD"
        if why := service.fault(rest):
            return f"not {name}:{service.words}, {why}"
        return self._fault_of_host(self._read(address)[1].get("host"))

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # the same wherever people chat
        """Return how it is shown that this place may be written to."""
        return Proof.CODE

    def shown(self, address: str) -> str:
        """Return the name of the service, and its host where people gave one."""
        if self.fault(address):
            return "chat"
        service, given = self._read(address)
        return service.shown(given)

    async def hear(self, tell: Tell) -> None:
        """Return at once: nothing comes back by itself."""

    @property
    def at_once(self) -> int:
        return self._settings.processes

    @property
    def account(self) -> str | None:
        return None

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._speakers = Speakers(
            settings.processes, timeout=settings.timeout, networks=self._networks
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._speakers.close()

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Say it; return when the service has taken it.

        Raises AddressGone for 410, and for 404 where that says so; AddressRefused for 401, 403,
        other 404 and redirects; PermanentFailure for other 4xx or where the address is none;
        InDoubt where it may have been taken; TransientFailure for all else. A service that did
        not answer is left alone for a while: Absent.
        """
        address = recipient.address
        shown = self.shown(address)
        if why := self.fault(address):
            raise PermanentFailure(f"{shown}: the address is {why}")
        request = self._request(content, recipient)
        async with self._hosts.place(shown):
            reply = await self._ask(shown, request)
        if not reply.sent:
            raise _failure(shown, reply, forgets=self._read(address)[0].forgets)

    async def _ask(self, shown: str, request: Request) -> Reply:
        try:
            reply = await self._speakers.ask(request)
        except TimeoutError:
            self._hosts.failed(shown)
            patience = self._settings.timeout.total_seconds()
            raise InDoubt(f"{shown}: no answer in {patience:g} s") from None
        except TransientFailure as failed:  # A process of ours is to blame.
            why = f"{shown}: {failed.args[0]}"
            raise type(failed)(why, retry_after=failed.retry_after) from None
        if reply.sent or reply.status:
            self._hosts.answered(shown)
        elif not reply.never:
            self._hosts.failed(shown)
        return reply

    def _request(self, content: Content, recipient: Recipient) -> Request:
        service, given = self._read(recipient.address)
        subject = cut(said(content.subject, service.reads), LONGEST_SUBJECT)
        text = said(content.text_for(recipient), service.reads)
        return Request(
            url=service.url(given, self._networks),
            secrets=service.secrets(given),
            subject=subject,
            text=cut(text, service.longest - len(subject)),
            escape=service.reads == "escaped",
        )

    def _read(self, address: str) -> tuple[Service, Mapping[str, str]]:
        name, _, rest = address.partition(":")
        service = self._services[name]
        return service, service.read(rest) or {}

    def _fault_of_host(self, host: str | None) -> str | None:
        ip = (host or "").partition(":")[0]
        if NUMBER.fullmatch(ip.lower()):
            return refused(ip, self._networks)
        return None


def _failure(shown: str, reply: Reply, *, forgets: bool) -> FmnError:
    words = f"{shown}: {reply.words}"
    if reply.status == GONE or (forgets and reply.status == NOT_FOUND):
        return AddressGone(words)
    if reply.status in REDIRECTS:
        return AddressRefused(f"{words}; redirects are not followed")
    if reply.status in REFUSED:
        return AddressRefused(words)
    if reply.never or (reply.status in NEVER and reply.status not in FOR_NOW):
        return PermanentFailure(words)
    if reply.doubt:
        return InDoubt(words)
    wait = timedelta(seconds=reply.wait) if reply.wait is not None else None
    return TransientFailure(words, retry_after=wait)
