"""Webhooks: each notification is a signed POST of JSON to an address that somebody gave.

What receivers can rely on. Every request is signed as https://www.standardwebhooks.com says, so
its libraries check it; the secret is what stands behind `#secret=` of the address and is never
sent. A secret that begins with `whsec_` has its key in base64 behind that; any other is the key.

    webhook-id: fmn_5f2b…            the same in every retry: what was seen may be dropped
    webhook-timestamp: 1795244627    seconds since 1970, when this request was made
    webhook-signature: v1,K5oZfzN…   base64 of HMAC-SHA256 of `id.timestamp.body`

    {"type": "notification", "version": 1, "id": "fmn_5f2b…",
     "messages": ["2026-…"],         ids on the bus: one, or those of a digest
     "subject": "kernel-7.1 failed to build", "text": "…",
     "facts": {"topic": …, "app": …, "severity": …, "url": …, "sent_at": …, "artifact": …},
     "rules": ["My packages"],       names of the rules that chose this
     "stop": "https://…"}            a page to stop this

Of the facts there are those that are known; `stop` is there where links are. Before anything else
the address is confirmed, for nobody shall be sent what they did not ask for:

    {"type": "confirmation", "version": 1, "id": "fmn_77aa…",
     "challenge": "K7QX-3MZA", "user": "alice"}

This is answered with 2xx and the challenge as the whole body, as text or as
`{"challenge": "K7QX-3MZA"}`. New fields may come; when one goes or changes its meaning the
version is another. 2xx is success, whatever the body; 408, 425, 429 and 5xx are tried again, when
Retry-After says or later each time; 410 ends the destination; redirects are not followed; all
else fails, and of 401, 403, 404, 405 and redirects the owner is told when they go on.
"""

import base64
import hmac
import json
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

from pydantic import Field

from fmn.config.fields import AllowedNetwork, Duration, Section
from fmn.egress import Answer, Outside, fault
from fmn.emission import FOOTER, Content, News, Recipient
from fmn.errors import (
    AddressGone,
    AddressRefused,
    FmnError,
    PermanentFailure,
    TransientFailure,
)
from fmn.kinds import AddressField, AddressForm, Proof, Tell
from fmn.model import split_key

VERSION = 1
FACTS = ("topic", "app", "severity", "url", "sent_at", "artifact")
SECRET = re.compile(r"secret=([A-Za-z0-9+/=_.~-]{16,200})")
KEY = "whsec_"
SHORTEST_KEY = 12
"""Bytes."""
HOST = re.compile(r"(https?://[\w.:\[\]-]{1,260})([/?#]|$)", re.IGNORECASE)
LONGEST_TIMEOUT = timedelta(seconds=30)
"""With half of it, in which a place at the host is waited for, a send takes 45 s at most."""


class Webhook:
    """Posts each notification, signed, to the address that somebody gave for it."""

    class Settings(Section):
        """How much we post at once, and into which networks of our own we may."""

        at_once: int = Field(default=50, ge=1, le=1000)
        timeout: Duration = Field(default=timedelta(seconds=10), le=LONGEST_TIMEOUT)
        private_networks: tuple[AllowedNetwork, ...] = ()
        user_agent: str = Field(default="fmn", pattern=r"^[!-~][ -~]*$")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outside = Outside(
            at_once=settings.at_once, timeout=settings.timeout, allowed=settings.private_networks
        )

    lacks = None
    account = None
    forms = (
        AddressForm(
            "Webhook",
            (
                AddressField("url", "Address", "https://hooks.example.org/fmn"),
                AddressField(
                    "secret", "Signing secret", "16 to 200 characters, or whsec_…", secret=True
                ),
            ),
            "{url}#secret={secret}",
        ),
    )

    def fault(self, address: str) -> str | None:
        """Return why nothing can ever be posted to this address; None if it may."""
        if why := fault(address, self._settings.private_networks):
            return why
        if not (found := SECRET.fullmatch(address.partition("#")[2])):
            return "without #secret= and 16 to 200 letters, digits or characters of +/=_.~-"
        return _fault(found[1])

    def proof(self, address: str) -> Proof:  # noqa: ARG002  # the same for all
        """Return how it is shown that this address may be written to."""
        return Proof.ANSWER

    def shown(self, address: str) -> str:
        """Return scheme and host: path and query are often secret, and the fragment always is."""
        found = HOST.match(address)
        return f"{found[1]}/…" if found else "this webhook"

    async def hear(self, tell: Tell) -> None:
        """Return at once: nothing comes back by itself."""

    @property
    def at_once(self) -> int:
        return self._settings.at_once

    async def __aenter__(self) -> Self:
        await self._outside.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._outside.__aexit__(None, None, None)

    async def send(self, content: Content, recipient: Recipient) -> News | None:
        """Post one notification; return PROVEN where it was a challenge, rightly answered.

        Raises PermanentFailure, AddressRefused, AddressGone and TransientFailure as the
        answer says, InDoubt where none came to what may have left, Absent where the host rests,
        or has no place for half the timeout.
        """
        address = recipient.address
        if why := self.fault(address):
            raise PermanentFailure(f"{self.shown(address)} is {why}")
        # Hashed: a dot, which ids of messages may have, would end it in what is signed.
        identity = f"fmn_{recipient.identity[:32]}"
        body = json.dumps(_body(identity, content, recipient)).encode()
        # The fragment, where the secret is, is not sent, and not in the words of the answer.
        answer = await self._outside.post(address, body, self._headers(identity, body, address))
        if failure := _failure(self.shown(address), answer):
            raise failure
        if challenge := content.headers.get("code"):
            return _proven(self.shown(address), answer, challenge)
        return None

    def _headers(self, identity: str, body: bytes, address: str) -> Mapping[str, str]:
        now = str(int(time.time()))
        secret = address.partition("#secret=")[2]
        return {
            "User-Agent": self._settings.user_agent,
            "Content-Type": "application/json",
            "webhook-id": identity,
            "webhook-timestamp": now,
            "webhook-signature": signature(secret, identity, now, body),
        }


def signature(secret: str, identity: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a request: Standard Webhooks, symmetric."""
    signed = f"{identity}.{timestamp}.".encode() + body
    digest = hmac.digest(_key(secret), signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(KEY):
        return base64.b64decode(secret.removeprefix(KEY), validate=True)
    return secret.encode()


def _fault(secret: str) -> str | None:
    try:
        key = _key(secret)
    except ValueError:
        return f"with a secret that begins with {KEY} but is not base64 behind it"
    return None if len(key) >= SHORTEST_KEY else "with a secret that is too short"


def _body(identity: str, content: Content, recipient: Recipient) -> dict[str, Any]:
    headers = content.headers
    if challenge := headers.get("code"):
        said: dict[str, Any] = {"challenge": challenge, "user": headers.get("user", "")}
        return {"type": "confirmation", "version": VERSION, "id": identity} | said
    said = {
        "type": "notification",
        "version": VERSION,
        "id": identity,
        "messages": [split_key(key)[0] for key in recipient.keys],
        "subject": content.subject,
        "text": content.text.replace(FOOTER, "").strip(),
        "facts": {fact: headers[fact] for fact in FACTS if fact in headers},
        "rules": list(recipient.rules.values()),
    }
    if recipient.token and "stop" in headers:
        said["stop"] = headers["stop"] + recipient.token
    return said


def _failure(shown: str, answer: Answer) -> FmnError | None:
    reason = f"{shown}: {answer.words}"
    match answer.status // 100, answer.status:
        case 2, _:
            return None
        case 3, _:
            return AddressRefused(f"{reason}; redirects are not followed")
        case 4, 410:
            return AddressGone(reason)
        case 4, 401 | 403 | 404 | 405:
            return AddressRefused(reason)
        case 4, _ if not answer.is_for_now:
            return PermanentFailure(reason)
    return TransientFailure(reason, retry_after=answer.retry_after)


def _proven(shown: str, answer: Answer, challenge: str) -> News:
    if answer.body.strip() == challenge.encode() or _json(answer.body) == {"challenge": challenge}:
        return News.PROVEN
    expected = 'expected the challenge alone, as text or as {"challenge": …}'
    raise PermanentFailure(f"{shown}: {expected}, but it answered {answer.words}")


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
