"""A case of each kind: with which settings, and to which address, it speaks to a port."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fmn.bench.samples import subscription, vapid_key
from fmn.emission import Content, Recipient
from fmn.errors import InDoubt, PeerAway, TransientFailure
from fmn.kinds import Sender, kinds, load
from fmn.model import Key, RuleId
from tests.senders import taking
from tests.senders.taking import Taking

PATIENCE = 0.5
TOKEN = "token-that-nobody-may-see-0123456789"  # noqa: S105  # of nobody
LOOPBACK = ("127.0.0.0/8",)


@dataclass(frozen=True)
class Case:
    """How a kind is made to speak to a port."""

    settings: Callable[[int], Mapping[str, Any]]
    address: Callable[[int], str]
    away: type[TransientFailure]
    """What it raises where nobody listens: PeerAway where one peer is behind the whole lane."""
    lost: type[TransientFailure]
    """What it raises where the peer took it all and its answer was lost."""
    taking: Taking
    """How the peer takes all of it; then it hangs up."""
    hidden: Callable[[str], tuple[str, ...]] = lambda _: ()
    """What nobody may see of an address, or of the settings."""


def _webhook(port: int) -> str:
    return (
        f"http://127.0.0.1:{port}/{TOKEN}#secret=whsec_{base64.b64encode(TOKEN.encode()).decode()}"
    )


CASES: Mapping[str, Case] = {
    "chat": Case(
        lambda _: {"private_networks": LOOPBACK},
        lambda port: f"gotify:127.0.0.1:{port}/abcdefgh12345678",
        TransientFailure,  # A host of somebody's own: the others go on.
        InDoubt,
        taking.request,
        lambda _: ("abcdefgh12345678",),
    ),
    "email": Case(
        lambda port: {"host": "127.0.0.1", "port": port},
        lambda _: "alice@example.org",
        PeerAway,
        InDoubt,
        taking.mail,
    ),
    "irc": Case(
        lambda port: {"host": "127.0.0.1", "port": port, "burst": 100},
        lambda _: "alice",
        PeerAway,  # It is the only network.
        InDoubt,
        taking.line,
    ),
    "matrix": Case(
        lambda port: {
            "homeserver": f"http://127.0.0.1:{port}",
            "user": "@fmn:example.org",
            "password": TOKEN,
        },
        lambda _: "@alice:example.org",
        PeerAway,  # It is the only homeserver.
        InDoubt,  # By password; with a token a retry is harmless: test_matrix_away.py.
        taking.event,
        lambda _: (TOKEN,),
    ),
    "push": Case(
        lambda _: {
            "vapid_key": vapid_key(),
            "vapid_contact": "mailto:fmn@example.org",
            "private_networks": LOOPBACK,
        },
        lambda port: subscription(port).replace("/push", f"/{TOKEN}"),
        TransientFailure,  # One push service of many.
        InDoubt,
        taking.request,
        lambda address: tuple(re.findall("[A-Za-z0-9_-]{20,}", address)),
    ),
    "webhook": Case(
        lambda _: {"private_networks": LOOPBACK},
        _webhook,
        TransientFailure,  # A host of somebody's own: the others go on.
        InDoubt,
        taking.request,
        lambda _: (TOKEN, "whsec_"),
    ),
}
"""A new kind adds its own."""


def sender_class(kind: str) -> Any:
    """Return the class of a kind."""
    return load(kinds("fmn.senders")[kind])


def sender(kind: str, **settings: Any) -> Sender:
    """Return a sender with these settings."""
    made = sender_class(kind)
    sender: Sender = made(made.Settings(**settings))
    return sender


def speaking_to(kind: str, port: int) -> Sender:
    """Return a sender that speaks to this port, and waits no longer than PATIENCE for it."""
    return sender(kind, **CASES[kind].settings(port), timeout=f"{PATIENCE}s")


def content(kind: str, text: str = "It failed.") -> Content:
    """Return what is to be sent."""
    return Content(kind=kind, subject="A build failed", text=text)


def recipient(address: str) -> Recipient:
    """Return somebody at this address."""
    return Recipient(keys=(Key("m1:d1"),), address=address, rules={RuleId("r1"): "My packages"})
