"""Push: to browsers and to apps, by Web Push (UnifiedPush is the same) and by FCM."""

import asyncio
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr

from fmn.config.fields import AllowedNetwork, Duration, ExistingFile, Section
from fmn.egress import Doubt, Outside
from fmn.emission import Content, Recipient
from fmn.errors import InDoubt, PermanentFailure, TransientFailure
from fmn.kinds import AddressField, AddressForm, Proof, Tell
from fmn.senders.push import fcm, subscription
from fmn.senders.push.fcm import Fcm
from fmn.senders.push.google import Account
from fmn.senders.push.subscription import Subscription, host_of
from fmn.senders.push.vapid import Vapid, private_key
from fmn.senders.push.webpush import WebPush

LONGEST_TTL = timedelta(days=28)
"""What push services keep at most; FCM refuses more."""
LONGEST_TIMEOUT = timedelta(seconds=45)
LONGEST_ADDRESS = 5000

BROWSERS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "notify.windows.com",
    "web.push.apple.com",
)
"""Hosts of the push services of browsers: Chrome, Firefox, Edge, Safari; those below them, too."""

WEB_FORM = AddressForm(
    "Another push service (UnifiedPush)",
    (
        AddressField("endpoint", "Endpoint", "https://push.example.org/…", secret=True),
        AddressField("p256dh", "Public key (p256dh)", "87 letters"),
        AddressField("auth", "Secret (auth)", "22 letters", secret=True),
    ),
    subscription.PATTERN,
)
FCM_FORM = AddressForm(
    "Android app (FCM)", (AddressField("token", "Token", secret=True),), fcm.PATTERN
)


class Push:
    """Notifies browsers and apps, which need not be open."""

    class Settings(Section):
        """Our key for push services, and our account for Android apps."""

        vapid_key: SecretStr = SecretStr("")
        vapid_key_file: ExistingFile = ""
        vapid_contact: str = Field(default="", pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)?$")
        fcm_credentials: ExistingFile = ""
        fcm_url: str = Field(default="https://fcm.googleapis.com", pattern=r"^https?://[^\s?#]+$")
        ttl: Duration = Field(default=timedelta(days=7), le=LONGEST_TTL)
        timeout: Duration = Field(default=timedelta(seconds=30), le=LONGEST_TIMEOUT)
        browsers: tuple[str, ...] = BROWSERS
        private_networks: tuple[AllowedNetwork, ...] = ()

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Half for each request: one that hangs is known to before the whole send is given up.
        self._outside = Outside(
            at_once=self.at_once, timeout=settings.timeout / 2, allowed=settings.private_networks
        )

    at_once = 50
    account = None

    @property
    def lacks(self) -> str | None:
        """Which setting is missing or no good before it can send anything."""
        keys = (self._vapid, self._google)
        faults = [each for each in keys if isinstance(each, str)]
        wrong = next((fault for fault in faults if not fault.endswith("is not set")), None)
        return wrong or (" and ".join(faults) if len(faults) == len(keys) else None)

    @property
    def forms(self) -> tuple[AddressForm, ...]:
        """How people give what no browser of theirs gives for them."""
        return (WEB_FORM, FCM_FORM) if isinstance(self._google, Account) else (WEB_FORM,)

    @property
    def public_key(self) -> str:
        """What a page subscribes with, in base64url; empty where browsers are not served."""
        return self._vapid.public_key if isinstance(self._vapid, Vapid) else ""

    def fault(self, address: str) -> str | None:
        """Return why nothing can ever be pushed to this address; None if it may."""
        if len(address) > LONGEST_ADDRESS:
            return f"longer than {LONGEST_ADDRESS} characters"
        if address.startswith(fcm.START):
            fits = fcm.ADDRESS.fullmatch(address)
            return None if fits else "not a registration token of FCM: fcm:TOKEN"
        try:
            to = Subscription.of(address)
        except ValueError as wrong:
            return str(wrong)
        return to.fault(self._settings.private_networks)

    def proof(self, address: str) -> Proof:
        """Return how it is shown that this address may be written to.

        Behind the push services of browsers there are only browsers, which subscribe on our page;
        behind any other address there may be anything, so a code is sent there.
        """
        host = host_of(address)
        is_browser = any(host == one or host.endswith(f".{one}") for one in self._settings.browsers)
        return Proof.PAGE if is_browser else Proof.CODE

    def shown(self, address: str) -> str:
        """Return by whom it is reached: the rest of the address is secret."""
        if address.startswith(fcm.START):
            return "Android app"
        return f"push service {host_of(address)}".rstrip()

    async def __aenter__(self) -> Self:
        await self._outside.__aenter__()
        return self

    async def __aexit__(self, *why: object) -> None:
        await self._outside.__aexit__(None, None, None)

    async def send(self, content: Content, recipient: Recipient) -> None:
        """Hand one message to the push service; return when it has taken it, within `timeout`.

        Raises AddressGone where the subscription has ended, PermanentFailure where the address
        is none or refused, InDoubt where it may have been taken, PeerAway where only Android apps
        are served and Google gives us no token, TransientFailure for all else: our own key
        included, because another service may accept it, or FCM, which needs none.
        """
        address = recipient.address
        if why := self.fault(address):
            raise PermanentFailure(f"{self.shown(address)[:300]!r}: the address is {why}")
        patience, doubt = self._settings.timeout.total_seconds(), Doubt()
        try:
            async with asyncio.timeout(patience):
                await self._sent(content, recipient, doubt)
        except TimeoutError:
            late = f"{self.shown(address)}: not taken in {patience:g} s"
            raise (InDoubt if doubt.open else TransientFailure)(late) from None

    async def hear(self, tell: Tell) -> None:
        """Return at once: nothing comes back by itself."""

    async def _sent(self, content: Content, recipient: Recipient, doubt: Doubt) -> None:
        if recipient.address.startswith(fcm.START):
            await self._fcm.send(content, recipient, doubt)
        else:
            to = Subscription.of(recipient.address)
            await self._webpush.send(to, content, recipient, doubt)

    @cached_property
    def _webpush(self) -> WebPush:
        if isinstance(self._vapid, str):
            raise TransientFailure(self._vapid)
        return WebPush(self._outside, self._vapid, self._settings.ttl)

    @cached_property
    def _fcm(self) -> Fcm:
        if isinstance(self._google, str):
            raise TransientFailure(self._google)
        url, ttl = self._settings.fcm_url, self._settings.ttl
        alone = not self.public_key
        return Fcm(self._outside, self._google, url=url, ttl=ttl, alone=alone)

    @cached_property
    def _vapid(self) -> Vapid | str:
        name, text = "vapid_key", self._settings.vapid_key.get_secret_value()
        if not text and self._settings.vapid_key_file:
            name, text = "vapid_key_file", _text(self._settings.vapid_key_file)
            if not text:
                return f"senders.push.{name} cannot be read"
        if not text:
            return "senders.push.vapid_key is not set"
        try:
            return Vapid(private_key(text), self._settings.vapid_contact)
        except ValueError as wrong:
            return f"senders.push.{name} is {wrong}"

    @cached_property
    def _google(self) -> Account | str:
        if not self._settings.fcm_credentials:
            return "senders.push.fcm_credentials is not set"
        try:
            return Account.of(_text(self._settings.fcm_credentials))
        except ValueError as wrong:
            return f"senders.push.fcm_credentials is {wrong}"


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return ""
