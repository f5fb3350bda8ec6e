"""What a template may know of a message: plain facts, cleaned and bounded.

Messages come from strangers. A control character in a summary is a header of its own in a mail
and a command of its own on IRC, a bidirectional override makes text say what it does not, and a
lone surrogate cannot be encoded. None of them gets past here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fmn.model import Message, is_own
from fmn.render.body import texts_at
from fmn.render.clean import LINK, SUBJECT, cleaned, cut, line, lines, listed, ordered

CONFIRMATION = "fmn.confirmation"
"""Topic of our own letters that ask whether somebody reads an address."""


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
    title: str
    """A few words, what matters most first, never empty: for subjects and small screens."""
    summary: str
    """One line, never empty: who did what."""
    text: str
    """The long form: many lines; empty where it only repeats the summary."""
    details: tuple[tuple[str, str], ...]
    """Label and value of what a template of the app found worth a row of its own."""
    url: str
    """http or https."""
    sent_at: str
    """ISO 8601, UTC."""
    when: str
    """To the minute, UTC."""
    own: bool
    """A letter of fmn itself: a confirmation, a test."""
    _message: Message  # the sandbox hides it from templates: it is not cleaned

    @cached_property
    def body(self) -> Any:  # noqa: ANN401  # JSON is what it is
        """The body's values, each text in it one clean line; None where it is too deep."""
        try:
            return cleaned(self._message.content)
        except RecursionError:
            return None

    def said(self, path: str) -> str:
        """Return the text or number at a path of the body, as one clean line; else nothing."""
        return next(iter(self.every(path)), "")

    def every(self, path: str) -> tuple[str, ...]:
        """Return each text or number at a path of the body: `update.builds[].nvr`."""
        # Templates ask the same again and again, and what they ask for may be long.
        if path not in self._asked:
            self._asked[path] = tuple(clean for clean in map(line, self._texts(path)) if clean)
        return self._asked[path]

    def long(self, path: str) -> str:
        """Return the text at a path of the body with its lines; else nothing."""
        return next(map(lines, self._texts(path)), "")

    @cached_property
    def _asked(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _texts(self, path: str) -> Iterator[str]:
        return texts_at(self._message.content, path)

    @property
    def code(self) -> str:
        """What proves that somebody reads this, where it is a confirmation of ours."""
        return self.said("code") if self.own and self.topic == CONFIRMATION else ""

    @property
    def user(self) -> str:
        """Who asked, where it is a confirmation of ours."""
        return self.said("user") if self.own and self.topic == CONFIRMATION else ""

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """Label and value of all that is worth a row; of our own letters nothing is."""
        known = [
            *self.details,
            ("By", self.agent),
            ("About", listed(self.artifacts)),
            ("Severity", self.severity),
            ("When", self.when),
        ]
        return () if self.own else tuple((label, value) for label, value in known if value)

    def worded(self, words: Mapping[str, str]) -> "Facts":
        """Return these facts in other words: `title`, `summary`, `text`, `details`."""
        title = line(words.get("title", ""), SUBJECT)
        summary = line(words.get("summary", "")) or self.summary
        rows = (row.partition(":") for row in lines(words.get("details", "")).splitlines())
        return replace(
            self,
            title=title or line(summary, SUBJECT),
            summary=summary,
            text=lines(words.get("text", self.text)),
            details=tuple(
                (line(label), line(value))
                for label, _, value in rows
                if line(label) and line(value)
            ),
        )

    def bounded(self, room: int) -> "Facts":
        """Return these facts with at most `room` characters of the long text."""
        return replace(self, text=cut(self.text, room))


def facts_of(message: Message) -> Facts:
    """Return the message's facts, as its application published them."""
    summary = line(message.summary) or line(message.topic) or line(message.id) or "no summary"
    return Facts(
        id=line(message.id),
        topic=line(message.topic),
        app=line(message.app or ""),
        agent=line(message.agent or ""),
        users=ordered(message.users),
        groups=ordered(message.groups),
        artifacts=ordered(message.artifacts),
        severity=message.severity.name.lower(),
        title=line(summary, SUBJECT),
        summary=summary,
        text=_text(message, summary),
        details=(),
        url=_link(message.url or ""),
        sent_at=message.sent_at.isoformat() if message.sent_at else "",
        when=f"{message.sent_at:%Y-%m-%d %H:%M} UTC" if message.sent_at else "",
        own=is_own(message.id),
        _message=message,
    )


def _text(message: Message, summary: str) -> str:
    # A schema class without words of its own says itself as the library prints any message:
    # headers and JSON. That is for developers.
    if message.text.startswith(f"Id: {message.id}\nTopic: {message.topic}\nHeaders: "):
        return ""
    text = lines(message.text)
    return "" if text == summary else text


def _link(url: str) -> str:
    return url if LINK.fullmatch(url) and line(url) == url else ""
