"""The mail itself: headers that mail programs act upon, text first, then HTML."""

import hashlib
import re
from datetime import UTC, datetime
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from typing import Any

from fmn.emission import Content, Recipient
from fmn.model import Key
from fmn.senders.email.address import LONGEST_ADDRESS

LONGEST_LINK = 900
"""Characters of a link in a header; a line has at most 998 (RFC 5322, 2.1.1)."""

LONGEST_HEADER = 2000
"""Characters. Folding longer ones takes the loop from everybody else."""

NOT_IN_HEADERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no encoding takes."""

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)+")
"""Without dots, so that no two keys become one Message-ID when colons turn into dots."""

FACTS = ("topic", "app", "severity", "message")


class _Link(UnstructuredHeader, BaseHeader):
    """A link in a header: whole, on one line, because mail programs do not put pieces together."""

    def fold(self, *, policy: "Policy[Any]") -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> "EmailPolicy[EmailMessage]":
    headers = HeaderRegistry()
    headers.map_to_type("list-unsubscribe", _Link)
    return SMTP.clone(header_factory=headers)


def mail_of(content: Content, recipient: Recipient, sender: str) -> EmailMessage:
    mail = EmailMessage(policy=_policy())
    mail["From"] = sender
    mail["To"] = recipient.address
    mail["Subject"] = _in_header(content.subject)
    mail["Date"] = datetime.now(UTC)
    mail["Message-ID"] = f"<{_message_id(recipient.keys[0])}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    for fact in FACTS:
        if value := content.headers.get(fact):
            mail[f"X-Fmn-{fact.title()}"] = _in_header(value)
    stop = content.headers.get("stop", "") + recipient.token
    if recipient.token and len(stop) <= LONGEST_LINK:  # RFC 8058: one click, no login
        mail["List-Unsubscribe"] = f"<{stop}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["X-Fmn-Rules"] = _in_header("; ".join(recipient.rules.values()))
    mail.set_content(NOT_IN_TEXT.sub("", content.text_for(recipient)))
    if html := content.html_for(recipient):
        mail.add_alternative(NOT_IN_TEXT.sub("", html), subtype="html")
    return mail


def _in_header(text: str) -> str:
    # An encoded word in the text would be decoded on its way out, line ends and all.
    line = NOT_IN_HEADERS.sub(" ", text).replace("=?", "= ?")
    return line.strip()[:LONGEST_HEADER]


def _message_id(key: Key) -> str:
    if PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_ADDRESS:
        return key.replace(":", ".")
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
