"""What is sent in a benchmark: one content, and recipients of it without an end."""

import base64
import os
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from fmn.emission import FOOTER, Content, Recipient
from fmn.model import Key, RuleId

Send = Callable[[Content, Recipient], Awaitable[object]]

RECIPIENTS = 10
"""Of each content."""

TEXT = "Build FAILED: alice's teapotd-0.9.2-4.fc45\n\n" + "A line of a long text.\n" * 20
HTML = "<!doctype html><h1>Build FAILED</h1>" + "<p>A line of a long text.</p>\n" * 20


def content(kind: str) -> Content:
    facts = {"topic": "org.example.build", "app": "koji", "severity": "warning", "message": "m-1"}
    if kind == "irc":
        return Content(kind, "", "[koji] Build FAILED: alice's teapotd-0.9.2-4.fc45")
    return Content(
        kind, "Build FAILED: teapotd", f"{TEXT}-- \n{FOOTER}", f"{HTML}<p>{FOOTER}</p>", facts
    )


def sending(
    send: Send, *, kind: str = "email", address: str = "alice@example.org"
) -> Callable[[], Awaitable[object]]:
    """Return what sends each content to RECIPIENTS, one after another, each by a key of its own."""
    shown, numbers = content(kind), count()
    footer = "You get this because of your rule “My packages”."

    def once() -> Awaitable[object]:
        nonlocal shown
        number = next(numbers)
        if number % RECIPIENTS == 0:
            shown = content(kind)
        key = Key(f"m-{number}:d-1")
        to = Recipient((key,), address, {RuleId("r"): "My packages"}, "", footer)
        return send(shown, to)

    return once


def ready_made() -> bytes:
    shown, mail = content("email"), EmailMessage(policy=WIRE)
    mail["From"], mail["To"] = "fmn@example.org", "alice@example.org"
    mail["Subject"] = shown.subject
    mail.set_content(shown.text.replace(FOOTER, ""))
    mail.add_alternative((shown.html or "").replace(FOOTER, ""), subtype="html")
    return mail.as_bytes()


def dialogue(mail: bytes) -> bytes:
    head = b"MAIL FROM:<fmn@example.org>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n"
    return head + mail + b"\r\n.\r\n"


def subscription(port: int) -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return f"http://127.0.0.1:{port}/push#p256dh={_base64(point)}&auth={_base64(os.urandom(16))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def vapid_key() -> str:
    """Return a new key of an application server, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
