"""What is said in a push: few words, in what a push service takes."""

import json
from bisect import bisect_right
from collections.abc import Mapping

from fmn.emission import Content, Recipient

TITLE = 600
LINK = 1000
"""Bytes of JSON that a title and each link may have; the text gets what is left."""

URGENCIES = {"debug": "very-low", "info": "normal", "warning": "normal", "error": "high"}
"""RFC 8030, 5.3. With `low` a phone may wait for a charger, and people asked to hear of these."""


def topic_of(recipient: Recipient) -> str:
    """Return what stands for these notifications, in 32 letters of base64url.

    What has the same topic takes the other's place: RFC 8030, 5.4. So a resend is no second one.
    """
    return recipient.identity[:32]


def urgency_of(content: Content) -> str:
    """Return how soon a device is to be woken for this: RFC 8030, 5.3."""
    if "code" in content.headers:
        return "high"  # Somebody waits for it at our pages.
    return URGENCIES.get(content.headers.get("severity", ""), "normal")


def payload_of(content: Content, recipient: Recipient, room: int) -> bytes:
    """Return what `sw.js` shows, JSON of at most `room` bytes, which are at least 512."""
    said = words_of(content, recipient, room)
    return json.dumps(said, ensure_ascii=False).encode(errors="replace")


def words_of(content: Content, recipient: Recipient, room: int) -> Mapping[str, str]:
    """Return title, body, url, tag and perhaps `stop`, which take at most `room` bytes of JSON.

    A text that is too long is cut between two characters; a link that is too long is left out.
    """
    stop = content.headers.get("stop", "")
    links = {
        "url": content.headers.get("url", ""),
        "stop": stop + recipient.token if stop and recipient.token else "",
    }
    said = {"title": cut(content.subject, min(TITLE, room // 4)), "tag": topic_of(recipient)}
    most = min(LINK, room // 4)
    said |= {name: link for name, link in links.items() if link and _size(link) <= most}
    left = room - len(json.dumps(said | {"body": ""}, ensure_ascii=False).encode(errors="replace"))
    return said | {"body": cut(content.text_for(recipient).strip(), left)}


def cut(text: str, room: int) -> str:
    """Return the text, or where it takes more bytes in JSON as much of its beginning as fits.

    Quotes do not count: only what stands between them.
    """
    # No character takes less than a byte, so what is behind these is never needed.
    short = text[: room + 1]
    if _size(short) <= room:
        return short
    fitting = bisect_right(range(len(short)), room, key=lambda most: _size(f"{short[:most]}…"))
    return f"{short[: fitting - 1].rstrip()}…" if fitting else ""


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) - 2
