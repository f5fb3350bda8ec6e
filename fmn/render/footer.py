"""Why this came, and how it ends: what stands below a mail, for one recipient.

Plain text; a line `words: address` is a link, which `Content.html_for` makes one to click.
"""

from collections.abc import Collection
from urllib.parse import quote

from fmn.links import Links, Stop
from fmn.model import Notification, is_own, split_key
from fmn.render.clean import line

SIGN_IN = "(you sign in)"


def footer(notification: Notification, links: Links, token: str) -> str:
    """Return which rules chose this, all of them, and the links; without a token only why."""
    why = _why(notification.rules.values())
    return "\n".join([why, *_links(notification, links, token)]) if token else why


def _why(rules: Collection[str]) -> str:
    if not rules:
        return "You get this because somebody, you we hope, gave fmn this address."
    named = [f"“{_plain(rule)}”" for rule in rules]
    if len(named) == 1:
        return f"You get this because of your rule {named[0]}."
    return "\n".join(["You get this because of your rules:", *(f"• {name}" for name in named)])


def _plain(rule: str) -> str:
    # A colon, a space and an address would be read as a link of ours.
    return line(rule).replace(": http", ":\N{NO-BREAK SPACE}http")


def _links(notification: Notification, links: Links, token: str) -> list[str]:
    message, _ = split_key(notification.key)
    why = f"Why this came {SIGN_IN}: {links.url}/why?message={quote(message, safe='')}"
    return [
        f"Stop or pause this: {links.start(Stop)}{token}",
        *([] if is_own(message) else [why]),
        f"Manage your rules {SIGN_IN}: {links.url}/rules",
    ]
