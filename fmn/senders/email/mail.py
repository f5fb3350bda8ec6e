"""The mail itself: headers that mail programs act upon, text first, then HTML.

A content is encoded once; what a recipient gets is put together from the pieces. The text is
quoted-printable (RFC 2045, 6.7), in which no boundary with `=_` can occur.
"""

import hashlib
import re
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Self

from fmn.emission import FOOTER, Content, Recipient
from fmn.model import Key
from fmn.senders.email.address import LONGEST_ADDRESS
from fmn.senders.email.headers import header

LONGEST_TEXT = 2000
"""Characters of a header that is only about the message."""

MOST_LETTERS = 32

LINK = re.compile(r"[!-;=?-~]{1,900}")
"""A link that fits into a header, whole, on one line: mail programs do not put pieces together."""

NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Control characters, and halves of characters, which no encoding takes."""

CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\n"))
"""The same among ASCII."""

TOO_LONG = re.compile(rb"(?m)^([^\r\n]{74,75})(=20|=09)\r$")
"""A line where a space at the end became longer than the 76 characters there may be."""

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)+")
"""Without dots, so that no two keys become one Message-ID when colons turn into dots."""

FACTS = ("topic", "app", "severity", "message")

BOUNDARY = "=_fmn"
ALTERNATIVES = f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'
FIRST = f"--{BOUNDARY}\r\n".encode()
NEXT = b"\r\n" + FIRST  # This line end is part of the boundary: RFC 2046, 5.1.1.
LAST = f"\r\n--{BOUNDARY}--\r\n".encode()

FOOT = Content(kind="email", subject="", text=FOOTER, html=FOOTER)
"""Nothing but the footer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A text, encoded but for the recipient's footer."""

    head: bytes
    pieces: tuple[bytes, ...]
    """The footer goes between them."""

    @classmethod
    def of(cls, text: str, subtype: str) -> Self:
        """Encode a text that may hold FOOTER."""
        head = (
            f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        return cls(head.encode(), tuple(map(_encoded, text.split(FOOTER))))

    def ending(self, footer: str) -> bytes:
        """Return head and body with this footer; it ends with a line end."""
        foot = _encoded(footer) if len(self.pieces) > 1 else b""
        body = foot.join(self.pieces)
        whole = body.endswith(b"\r\n") and not body.endswith(b"=\r\n")
        return self.head + body + (b"" if whole else b"\r\n")


class Letter:
    """A content, ready to become a mail for each of its recipients."""

    def __init__(self, content: Content, sender: str) -> None:
        self._domain = sender.rpartition("@")[2]
        self._stop = content.headers.get("stop", "")
        self._head = self._shared(content, sender).encode()
        self._text = Part.of(content.text, "plain")
        self._html = Part.of(content.html, "html") if content.html else None

    def for_(self, recipient: Recipient, now: datetime) -> bytes:
        """Return the mail, as it goes over the wire but for dots at the start of lines."""
        head = self._own(recipient, now).encode() + self._head
        text = self._text.ending(recipient.footer)
        if self._html is None:
            return head + text
        html = self._html.ending(FOOT.html_for(recipient) or "")
        return b"".join((head, FIRST, text, NEXT, html, LAST))

    def _own(self, recipient: Recipient, now: datetime) -> str:
        message_id = f"{_message_id(recipient.keys[0])}@{self._domain}"
        own = [
            f"To: {recipient.address}\r\n",
            f"Date: {format_datetime(now)}\r\n",
            f"Message-ID: <{message_id}>\r\n",
        ]
        link = self._stop + recipient.token
        if recipient.token and LINK.fullmatch(link):  # RFC 8058: one click, no login
            own.append(f"List-Unsubscribe: <{link}>\r\n")
            own.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
        own.append(header("X-Fmn-Rules", "; ".join(recipient.rules.values())))
        return "".join(own)

    def _shared(self, content: Content, sender: str) -> str:
        shared = [f"From: {sender}\r\n", header("Subject", content.subject[:LONGEST_TEXT])]
        if artifact := content.headers.get("artifact"):
            root = f"<{_hash(artifact)}.thread@{self._domain}>"
            shared.append(f"In-Reply-To: {root}\r\nReferences: {root}\r\n")
        shared += [
            f"List-Id: <fmn.{self._domain}>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Precedence: bulk\r\n",
        ]
        for fact in FACTS:
            if value := content.headers.get(fact):
                shared.append(header(f"X-Fmn-{fact.title()}", value[:LONGEST_TEXT]))
        shared.append("MIME-Version: 1.0\r\n")
        return "".join(shared) + (ALTERNATIVES if content.html else "")


class Letters:
    """The contents used last, each encoded once. A chunk's recipients share one."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._known: dict[int, tuple[Content, Letter]] = {}

    def of(self, content: Content) -> Letter:
        """Return the letter of this very content."""
        if known := self._known.get(id(content)):
            return known[1]
        if len(self._known) >= MOST_LETTERS:
            del self._known[next(iter(self._known))]
        letter = Letter(content, self._sender)
        self._known[id(content)] = content, letter  # While it is kept, its id is nobody else's.
        return letter


def _encoded(text: str) -> bytes:
    """Encode so that whatever follows begins a line of its own, but goes on with the text."""
    # The first line end says which ones to write; the x keeps room for an `=` behind the last.
    lines = b"\r\n" + _raw(text).replace(b"\n", b"\r\n") + b"x"
    coded = b2a_qp(lines)[2:-1]
    if b"=20\r" in coded or b"=09\r" in coded:
        coded = TOO_LONG.sub(rb"\1=\r\n\2\r", coded)
    return coded if not coded or coded.endswith(b"\r\n") else coded + b"=\r\n"


def _raw(text: str) -> bytes:
    if text.isascii():  # As most are; this way takes a fifth of the time.
        return text.encode().translate(None, CONTROL)
    return NOT_IN_TEXT.sub("", text).encode()


def _message_id(key: Key) -> str:
    if PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_ADDRESS:
        return key.replace(":", ".")
    return _hash(key)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
