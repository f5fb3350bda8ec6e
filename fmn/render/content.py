"""Templates: messages in, content out, rendered once for all recipients of a kind.

How to add a template: put a file into the folder `templates` beside this file, or into the
operator's own folder, which is looked at first. A file is Jinja2; only what stands in its blocks
is used. There are two sorts.

`apps/<app>.j2` says what a message of an application means, once for all kinds, as plain text:

    {% block title %}…{% endblock %}      a few words, what matters first: subjects, small screens
    {% block summary %}…{% endblock %}    one line: who did what
    {% block details %}…{% endblock %}    lines `Label: value`; one without a value is left out
    {% block text %}…{% endblock %}       the long form, many lines

    message    the facts of it (`fmn.render.facts.Facts`), as the application published them;
               `message.said("build.name")` is what stands there in its body, or nothing

A block that is there takes the place of what was published; title and summary only where it makes
something, so say nothing of messages you do not know. Blocks of any other name are phrases of
your own: `{{ self.phrase() }}`.

`<kind>/<app>.j2` lays out what one kind sends, in words already chosen; few apps need one:

    {% block subject %}…{% endblock %}    one line
    {% block text %}…{% endblock %}       plain text
    {% block html %}…{% endblock %}       optional; what stands in it is escaped

    messages    the facts of each, in the words of its app: loop, a digest has many
    footer      where the recipient's footer goes, once at most

A block it lacks comes from `<kind>/default.j2`, then from `default.j2`; `{{ super() }}` is that
block, too.

In both, the app is in lower case, and only its letters a-z, digits, `_` and `-` count. The filter
`listed` joins values by commas and says how many more there are, `line` makes one line of many,
and in `html` `linked` makes the addresses in a text links. A name that does not exist is an
error, so use `said`, or ask `is defined`, of what a body may lack.

A template of an app that raises is left out for that message: it reads as published, or as any
other of its kind, and the fault is told with template and line. A notification in other words is
better than none. Only where the default raises is nothing sent, or nothing more: a dead letter, to
mend and replay.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import structlog

from fmn.emission import FOOTER, Chunk, Content, Recipient
from fmn.errors import TemplateError
from fmn.links import Links, Stop
from fmn.model import Message, Notification, Origin, Severity
from fmn.render.blocks import Blocks
from fmn.render.clean import SUBJECT, TEXT, line
from fmn.render.facts import Facts, facts_of
from fmn.render.footer import footer

CHUNK = 100
"""Recipients of one chunk at most."""
WORDS = ("title", "summary", "details", "text")
"""What a template of an app may say of a message."""

Told = Callable[[str, str], None]
"""Called with a template that was left out, and what it raised."""

_log = structlog.get_logger()


def log_fault(template: str, why: str) -> None:
    """Log a template that was left out."""
    _log.error("a template raised and was left out", template=template, why=why)


class Templates:
    """All templates, compiled: files are read at the start and never again."""

    def __init__(
        self, folder: str = "", links: Links | None = None, *, tell: Told = log_fault
    ) -> None:
        """Raise ConfigError without that folder, TemplateError on a file that is no template."""
        self._links = links or Links()
        self._tell = tell
        self._plain = Blocks(folder, escaping=False)
        self._escaping = Blocks(folder, escaping=True)

    def rendering(self, message: Message, origin: Origin) -> "Rendering":
        """Return this message, to be rendered once for each kind however many are told."""
        facts = cache(lambda: self._facts([message]))
        return Rendering(origin, cache(lambda kind: self._content(kind, facts())), self._recipient)

    def render(
        self, message: Message, notifications: Sequence[Notification], origin: Origin
    ) -> tuple[Chunk, ...]:
        """Return what the senders need for all of a message at once; see `Rendering.chunks`."""
        return self.rendering(message, origin).chunks(notifications)

    def content(self, kind: str, messages: Sequence[Message]) -> Content:
        """Return what the template of this kind makes of these messages, at least one.

        Messages of several applications get the kind's default. Raises TemplateError.
        """
        return self._content(kind, self._facts(messages))

    def _facts(self, messages: Sequence[Message]) -> list[Facts]:
        room = TEXT // len(messages)
        return [self._worded(facts_of(message)).bounded(room) for message in messages]

    def _worded(self, facts: Facts) -> Facts:
        name = f"apps/{_file(facts.app)}.j2"
        if name not in self._plain:
            return facts
        try:
            made = {word: self._plain.render([name], word, {"message": facts}) for word in WORDS}
        except TemplateError as failed:
            self._left_out(name, failed)
            return facts
        return facts.worded({word: text for word, text in made.items() if text is not None})

    def _content(self, kind: str, facts: Sequence[Facts]) -> Content:
        defaults = [n for n in (f"{kind}/default.j2", "default.j2") if n in self._plain]
        apps = {_file(one.app) for one in facts}
        name = f"{kind}/{apps.pop()}.j2" if len(apps) == 1 else ""
        if name not in self._plain or name in defaults:
            return self._made(kind, defaults, facts)
        try:
            return self._made(kind, [name, *defaults], facts)
        except TemplateError as failed:
            self._left_out(name, failed)
            return self._made(kind, defaults, facts)

    def _made(self, kind: str, names: Sequence[str], facts: Sequence[Facts]) -> Content:
        values: dict[str, Any] = {"messages": facts, "footer": FOOTER}
        return Content(
            kind=kind,
            subject=line(self._plain.render(names, "subject", values) or "", SUBJECT)
            or facts[0].title,
            text=(self._plain.render(names, "text", values) or "").strip("\n"),
            html=self._escaping.render(names, "html", values),
            headers=_headers(facts) | self._stop,
        )

    def _left_out(self, name: str, failed: TemplateError) -> None:
        self._tell(name, ": ".join(map(str, failed.args)))

    @property
    def _stop(self) -> dict[str, str]:
        return {"stop": self._links.start(Stop)} if self._links.are_there else {}

    def _recipient(self, notification: Notification) -> Recipient:
        rules = notification.rules
        stop = Stop(notification.destination.id, tuple(rules))
        token = self._links.token(stop) if rules else ""
        return Recipient(
            keys=(notification.key,),
            address=notification.destination.address,
            rules=rules,
            token=token,
            footer=footer(notification, self._links, token),
        )


@dataclass(frozen=True, slots=True)
class Rendering:
    """One message on its way to all its recipients, some at a time."""

    origin: Origin
    content: Callable[[str], Content]
    """Returns what the template of a kind made of the message."""
    recipient: Callable[[Notification], Recipient]

    def chunks(self, notifications: Iterable[Notification]) -> tuple[Chunk, ...]:
        """Return what the senders need for these, by kind, then by destination id.

        Raises TemplateError, which names template and line.
        """
        ordered = sorted(notifications, key=lambda one: (one.destination.kind, one.destination.id))
        chunks: list[Chunk] = []
        for kind, group in groupby(ordered, key=lambda one: one.destination.kind):
            content, recipients = self.content(kind), tuple(map(self.recipient, group))
            chunks += (Chunk(self.origin, content, some) for some in _batches(recipients))
        return tuple(chunks)


def _file(app: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", app.lower())


def _headers(facts: Sequence[Facts]) -> dict[str, str]:
    # A digest has the id, the app and the time of its first message.
    first, is_one = facts[0], len(facts) == 1
    shared = set[str].intersection(*(set(one.artifacts) for one in facts))
    known = {
        "topic": first.topic if all(one.topic == first.topic for one in facts) else "",
        "app": first.app,
        "severity": max((one.severity for one in facts), key=_rank),
        "message": first.id,
        "url": first.url if is_one else "",
        "sent_at": first.sent_at,
        "artifact": min(shared, default=""),
        "code": first.code,
        "user": first.user,
    }
    return {name: value for name, value in known.items() if value}


def _rank(severity: str) -> int:
    return Severity[severity.upper()]


def _batches(recipients: tuple[Recipient, ...]) -> Iterator[tuple[Recipient, ...]]:
    return (recipients[at : at + CHUNK] for at in range(0, len(recipients), CHUNK))
