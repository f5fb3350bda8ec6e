"""What a mail that came back says: for good or for now, for which mail, and why.

A report follows RFC 3464, or RFC 6533 for addresses outside ASCII; what follows neither,
flufl.bounce may know.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import getaddresses
from typing import TypeAlias

from flufl.bounce import all_failures

from fmn.errors import InputError
from fmn.senders.email.status import reports_address

STATUS = {"message/delivery-status", "message/global-delivery-status"}
RETURNED = {
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
}
ARRIVED_FOR = ("Delivered-To", "X-Original-To", "To")
"""Headers with the address a mail came to, the surest first."""

LONGEST_REASON = 300
LONGEST_ID = 200
"""Characters."""

Mail: TypeAlias = "Message[str, str]"


@dataclass(frozen=True, slots=True)
class Report:
    """A mail that came back, read."""

    arrived_for: tuple[str, ...]
    """Addresses it may have come to, the surest first."""
    failed: bool
    """For good, because of the address; otherwise there is nothing to learn from it: a delay, an
    answer of a machine, a mail that is too big, a provider that blocks us."""
    of: str
    """Message-ID of what came back, or else what is the same whenever this report comes."""
    reason: str
    """One line."""


def read(raw: bytes) -> Report:
    """Read a mail that came back.

    Raises InputError where nobody could say what it is. Takes its time: not for the loop.
    """
    try:
        mail = message_from_bytes(raw)
        blocks = [block for part in mail.walk() for block in _blocks(part) if block["Action"]]
        return Report(_arrived_for(mail), _failed(mail, blocks), _of(mail, raw), _reason(blocks))
    except InputError:
        raise
    except Exception as failed:  # strangers write it, and parsers fail on it in every way
        raise InputError(f"a mail that cannot be read: {type(failed).__name__}") from failed


def _failed(mail: Mail, blocks: list[Mail]) -> bool:
    if not blocks and str(mail.get("Auto-Submitted", "")).lower().startswith("auto-replied"):
        return False
    if any(map(_status, blocks)):
        return any(
            _is_failure(block)
            and reports_address(_status(block), str(block.get("Diagnostic-Code", "")))
            for block in blocks
        )
    # It logs each of its own errors with a traceback; read() tells of them in a line.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
    delayed, failed = all_failures(mail)
    if failed or any(map(_is_failure, blocks)):
        return True
    if not delayed and not blocks:
        raise InputError("no report of a mail that came back")
    return False


def _status(block: Mail) -> str:
    return str(block.get("Status", "")).strip()


def _is_failure(block: Mail) -> bool:
    return str(block.get("Action", "")).strip().lower().startswith("fail")


def _blocks(part: Mail) -> Iterator[Mail]:
    """Yield the groups of fields of a report; those with an Action are each of a recipient."""
    if part.get_content_type() not in STATUS:
        return
    for block in _inside(part):
        yield block
        # The parser knows only the older of the two types and takes the rest for a body.
        text = block.get_payload()
        if isinstance(text, str):
            yield from map(message_from_string, re.split(r"\n\s*\n", text.replace("\r", "")))


def _inside(part: Mail) -> list[Mail]:
    inside = part.get_payload()
    return [one for one in inside if isinstance(one, Message)] if isinstance(inside, list) else []


def _reason(blocks: list[Mail]) -> str:
    for field in ("Diagnostic-Code", "Status"):
        for block in filter(_is_failure, blocks):
            if said := _line(str(block.get(field, ""))).removeprefix("smtp;").strip():
                return said[:LONGEST_REASON]
    return "it came back"


def _of(mail: Mail, raw: bytes) -> str:
    for part in mail.walk():
        if part.get_content_type() not in RETURNED:
            continue
        inside = _inside(part)
        returned = inside[0] if inside else message_from_string(str(part.get_payload()))
        for field in ("Message-ID", "X-Fmn-Message"):
            if said := _line(str(returned.get(field, ""))):
                return said.strip("<>")[:LONGEST_ID]
    return hashlib.sha256(raw).hexdigest()


def _arrived_for(mail: Mail) -> tuple[str, ...]:
    said = (str(value) for name in ARRIVED_FOR for value in mail.get_all(name, []))
    return tuple(address for line in said for _, address in getaddresses([line]) if address)


def _line(said: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())
