"""E-mail, handed to one mail server over a few connections that are used again and again.

What cannot be delivered comes back later, to an address that was made for its destination.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from fmn.config.fields import Duration, ExistingFile, Section
from fmn.emission import Content, Recipient
from fmn.errors import ConfigError, PermanentFailure
from fmn.kinds import AddressField, AddressForm, Proof, Tell
from fmn.senders.email.address import fault
from fmn.senders.email.mail import Letters
from fmn.senders.email.place import is_place
from fmn.senders.email.pool import Connection, Pool
from fmn.senders.email.verp import ReturnPath

if TYPE_CHECKING:  # It needs a library that not everybody has.
    from fmn.senders.email.signing import Signature

TOGETHER = (
    ("dkim_domain", "dkim_selector", "dkim_key_file"),
    ("return_address", "return_secret"),
)
"""Settings that mean nothing without each other."""


class Email:
    """Hands each notification to the mail server as a mail of its own."""

    class Settings(Section):
        """The mail server that takes our mails, whom they are from, and where they come back."""

        host: str = Field(default="localhost", pattern=r"^[^\s/@]+$")
        port: int = Field(default=25, ge=1, le=65535)
        tls: Literal["none", "starttls", "tls"] = "none"
        ca_file: ExistingFile = ""
        username: str = ""
        password: SecretStr = SecretStr("")
        from_address: str = "fmn@localhost"
        connections: int = Field(default=10, ge=1, le=10_000)
        timeout: Duration = timedelta(seconds=45)
        dkim_domain: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
        dkim_selector: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
        dkim_key_file: ExistingFile = ""
        return_address: str = ""
        return_secret: SecretStr = SecretStr("")
        bounces: str = ""
        bounces_every: Duration = timedelta(seconds=5)

        @field_validator("from_address", "return_address")
        @classmethod
        def _is_mailbox(cls, address: str, field: ValidationInfo) -> str:
            if not address and field.field_name == "return_address":
                return address
            if why := fault(address) or (not address.isascii() and "not all ASCII"):
                raise ValueError(f"expected the address of a mailbox, but it is {why}")
            return address

        @field_validator("bounces")
        @classmethod
        def _is_place(cls, place: str) -> str:
            if place and not is_place(place):
                raise ValueError("expected lmtp://HOST:PORT or maildir:/FOLDER")
            return place

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._letters = Letters(settings.from_address)
        self._return = _return_path(settings)
        self._signature: Signature | None = None
        self._pool = Pool(
            lambda: _connection(settings),
            settings.connections,
            f"mail server {settings.host}:{settings.port}",
            settings.timeout.total_seconds(),
        )

    forms = (
        AddressForm(
            "E-mail", (AddressField("address", "Address", "alice@example.org"),), "{address}"
        ),
    )

    @property
    def lacks(self) -> str | None:
        """Which setting is missing: some come only together."""
        for names in TOGETHER:
            missing = [name for name in names if not _is_set(self._settings, name)]
            if missing and len(missing) < len(names):
                return f"senders.email.{missing[0]} is not set"
        if self._settings.bounces and not self._settings.return_address:
            return "senders.email.return_address is not set"
        return None

    def fault(self, address: str) -> str | None:
        """Return why no mail server would take this address; None if one may."""
        return fault(address)

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # whoever reads a mail has the mailbox
        """Return how it is shown that this mailbox may be written to."""
        return Proof.LINK

    def shown(self, address: str) -> str:
        """Return the address: nothing of it is secret."""
        return address

    @property
    def at_once(self) -> int:
        return self._settings.connections

    @property
    def account(self) -> str | None:
        return None

    async def __aenter__(self) -> Self:
        self._signature = await _signature(self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Hand one mail over; return when the server has taken it.

        Raises AddressRefused where the server refuses the address, PermanentFailure where the
        address is none or the server says 5xx of this mail, PeerAway where it takes nobody's,
        our own login and certificates included, InDoubt where it may have taken this one, and
        TransientFailure for all else.
        """
        address = recipient.address
        if why := fault(address):
            raise PermanentFailure(f"{address[:300]!r} is {why}")
        mail = self._letters.of(content).for_(recipient, datetime.now(UTC))
        sender = self._settings.from_address
        if self._return:
            sender = self._return.sender(recipient.keys[0])
        if self._signature:
            mail = await self._signature.signed(mail)
        await self._pool.hand_over(mail, sender, address)

    async def hear(self, tell: Tell) -> None:
        """Tell of each mail that came back for good; return at once where nobody listens for it."""
        settings = self._settings
        if not settings.bounces or self._return is None:
            return
        try:
            from fmn.senders.email.bounces import listener  # noqa: PLC0415  # needs flufl.bounce

            listen = listener(settings.bounces, settings.bounces_every, self._return, tell)
        except ModuleNotFoundError as missing:
            raise _extra("bounces", "bounces", missing) from missing
        await listen()


def _connection(settings: Email.Settings) -> Connection:
    return Connection(
        hostname=settings.host,
        port=settings.port,
        use_tls=settings.tls == "tls",
        start_tls=settings.tls == "starttls",
        cert_bundle=settings.ca_file or None,
        username=settings.username or None,
        password=settings.password.get_secret_value(),
        timeout=None,  # the pool limits the whole, not each step
    )


def _return_path(settings: Email.Settings) -> ReturnPath | None:
    if settings.return_address and settings.return_secret.get_secret_value():
        return ReturnPath(settings.return_address, settings.return_secret)
    return None


async def _signature(settings: Email.Settings) -> "Signature | None":
    if not settings.dkim_key_file:
        return None
    try:
        from fmn.senders.email.signing import Signature  # noqa: PLC0415  # needs dkimpy
    except ModuleNotFoundError as missing:
        raise _extra("dkim_key_file", "dkim", missing) from missing
    return await Signature.of(settings.dkim_domain, settings.dkim_selector, settings.dkim_key_file)


def _extra(setting: str, extra: str, missing: ModuleNotFoundError) -> ConfigError:
    why = f"it needs {missing.name}, which comes with the extra: fmn[{extra}]"
    return ConfigError(f"senders.email.{setting}", why)


def _is_set(settings: Email.Settings, name: str) -> bool:
    value = getattr(settings, name)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)
