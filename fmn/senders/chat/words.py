"""What a chat service may make of a text: never a call for everybody, never a disguised link."""

import re

from fmn.senders.chat.services import Reads

APART = "\u200b"
"""A space of no width: what stands on its two sides is not read as one."""

CALLS = re.compile(
    r"(?P<before>@(?=[*_]*(?:all|channel|everyone|here|online|room|stream|team|topic))"
    r"|<(?=[!@#&]|users/|https?:)|\](?=\())",
    re.IGNORECASE,
)
"""What calls everybody (or somebody) in Slack, Discord, Mattermost, Rocket.Chat, Zulip, Webex or
Google Chat, be it in the middle of a link; and what hides a link behind other words:
`[words](link)`, `<link|words>`. What follows a call does not matter: some take `@all_` for one."""

SIGNS = re.compile(r"(?P<link>https?://[^\s<>]+)|(?P<sign>[\\`*_~#])")
"""What Markdown reads; in a link it stays as it is."""

LONGEST_SUBJECT = 150
"""Characters of a heading in Slack; elsewhere they are more."""

CUT = "\n… (cut here)"


def said(text: str, reads: Reads) -> str:
    """Return the text so that whoever reads it sees what it says."""
    quiet = CALLS.sub(rf"\g<before>{APART}", text)
    return SIGNS.sub(_with_backslash, quiet) if reads == "markdown" else quiet


def cut(text: str, longest: int) -> str:
    """Return the text with at most so many characters; where it was cut, it says so."""
    return text if len(text) <= longest else text[: longest - len(CUT)] + CUT


def _with_backslash(found: re.Match[str]) -> str:
    return found["link"] or f"\\{found['sign']}"
