"""What a template may know of a message: plain facts, cleaned and bounded.

Messages come from strangers. A control character in a summary is a header of its own in a mail
and a command of its own on IRC, a bidirectional override makes text say what it does not, and a
lone surrogate cannot be encoded. None of them gets past here.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fmn.model import Message

LINE = 1000
"""Characters that are left of anything that is one line."""
TEXT = 100_000
"""Characters that are left of long texts, of all messages in one content together."""
SUBJECT = 250
"""Characters that are left of a subject."""

UNSEEN = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # bidirectional overrides and isolates
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
BREAK = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """A message as templates see it. What it lacks is empty."""

    id: str
    topic: str
    app: str
    agent: str
    """Who did it."""
    users: tuple[str, ...]
    groups: tuple[str, ...]
    artifacts: tuple[str, ...]
    severity: str
    """`debug`, `info`, `warning` or `error`."""
    summary: str
    """One line, never empty."""
    text: str
    """The long form: many lines; empty where it only repeats the summary."""
    url: str
    """http or https."""
    when: str
    """To the minute, UTC."""
    _message: Message  # the sandbox hides it from templates: it is not cleaned

    @cached_property
    def body(self) -> Any:  # noqa: ANN401  # JSON is what it is
        """The body's values, each text in it one clean line; None where it is too deep."""
        try:
            return _cleaned(self._message.content)
        except RecursionError:
            return None


def facts_of(message: Message, room: int = TEXT) -> Facts:
    """Return the message's facts, of its long text at most `room` characters."""
    summary = line(message.summary) or line(message.topic) or line(message.id) or "no summary"
    text = lines(message.text)
    return Facts(
        id=line(message.id),
        topic=line(message.topic),
        app=line(message.app or ""),
        agent=line(message.agent or ""),
        users=_sorted(message.users),
        groups=_sorted(message.groups),
        artifacts=_sorted(message.artifacts),
        severity=message.severity.name.lower(),
        summary=summary,
        text="" if text == summary else _cut(text, room),
        url=_link(message.url or ""),
        when=f"{message.sent_at:%Y-%m-%d %H:%M} UTC" if message.sent_at else "",
        _message=message,
    )


def line(text: str, limit: int = LINE) -> str:
    """Return the text as one clean line of at most `limit` characters."""
    clean = " ".join(CONTROL.sub(" ", UNSEEN.sub("", text)).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def lines(text: str) -> str:
    """Return the text with its lines and indentation, and nothing unseen in it."""
    clean = (CONTROL.sub(" ", part.expandtabs()) for part in BREAK.split(UNSEEN.sub("", text)))
    return "\n".join(part.rstrip() for part in clean).strip("\n")


def listed(values: Collection[str], limit: int = 20) -> str:
    """Return the values joined by commas; of very many the first, and how many more."""
    shown = ", ".join(list(values)[:limit])
    more = len(values) - limit
    return f"{shown} and {more:,} more" if more > 0 else shown


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    return f"{text[:room].rstrip()}\n\n(Cut here: {len(text):,} characters in all.)"


def _link(url: str) -> str:
    return url if LINK.fullmatch(url) and line(url) == url else ""


def _sorted(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(clean for clean in map(line, names) if clean))


def _cleaned(value: Any) -> Any:  # noqa: ANN401  # JSON is what it is
    if isinstance(value, str):
        return line(value)
    if isinstance(value, list):
        return [_cleaned(element) for element in value]
    if isinstance(value, dict):
        return {line(name): _cleaned(element) for name, element in value.items()}
    return value
