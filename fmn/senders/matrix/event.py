"""What is written into a room: one event, not larger than any homeserver takes."""

import json
import re
from bisect import bisect_right

from fmn.emission import FOOTER, Content, Recipient
from fmn.errors import PermanentFailure

LARGEST = 60_000
"""Bytes of what is ours in an event of at most 65,536, hashes and signatures of the servers
included: Matrix 1.11, client-server API, size limits."""
CUT = "… (cut here: too long for Matrix)"

NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no encoding takes."""


def event_of(content: Content, recipient: Recipient) -> dict[str, str]:
    """Return the content of an `m.room.message`; what is too long is cut before the footer.

    It is an `m.text`. Bots by convention write `m.notice`, but the push rule that every account
    begins with (`.m.rule.suppress_notices`) keeps those from a phone's screen, and to be seen
    there is what a notification is for. No bots argue with us about it: we hear nothing.

    Raises PermanentFailure where there is nothing to say.
    """
    text = NOT_IN_TEXT.sub("", content.text_for(recipient))
    if not text.strip():
        raise PermanentFailure(f"{recipient.address!r}: the text is empty")
    event = {"msgtype": "m.text", "body": text}
    if html := content.html_for(recipient):
        formatted = {
            "format": "org.matrix.custom.html",
            "formatted_body": NOT_IN_TEXT.sub("", html),
        }
        if _size(event | formatted) <= LARGEST:
            return event | formatted
    if _size(event) > LARGEST:
        return event | {"body": _short(content, recipient)}
    return event


def _short(content: Content, recipient: Recipient) -> str:
    said, mark, _ = content.text.partition(FOOTER)
    footer = NOT_IN_TEXT.sub("", recipient.footer) if mark else ""
    tail = f"{CUT}\n{_beginning(footer, LARGEST // 2)}"
    return (
        _beginning(NOT_IN_TEXT.sub("", said), LARGEST - _size({"msgtype": "m.text", "body": tail}))
        + tail
    )


def _beginning(text: str, room: int) -> str:
    # Each character takes a byte or more, so nothing beyond `room` characters is ever looked at.
    text = text[:room]
    length = bisect_right(range(len(text) + 1), room, key=lambda end: _size(text[:end])) - 1
    return text[:length]


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
