"""Templates: messages in, content out, rendered once for all recipients of a kind.

How to add a template: put a file `<kind>/<app>.j2` into the folder `templates` beside this file,
or into the operator's own folder, which is looked at first. The app is in lower case, and only
its letters a-z, digits, `_` and `-` count. A file is Jinja2 and has up to three blocks:

    {% block subject %}…{% endblock %}    one line
    {% block text %}…{% endblock %}       plain text
    {% block html %}…{% endblock %}       optional; what stands in it is escaped

A block it lacks comes from `<kind>/default.j2`, then from `default.j2`; `{{ super() }}` is
that block, too. Only what stands in blocks is used. Inside there are

    messages    the facts of each (`fmn.render.facts.Facts`): loop, a digest has many
    footer      where the recipient's footer goes, once at most
    listed      a filter: values joined by commas, and how many more there are

A name that does not exist is an error, so ask `is defined` of what a body may lack.
"""

import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
)
from jinja2 import Template as Compiled
from jinja2.exceptions import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fmn.emission import FOOTER, Chunk, Content, Recipient
from fmn.errors import ConfigError, TemplateError
from fmn.links import Links, Stop
from fmn.model import Message, Notification, Origin
from fmn.render.facts import SUBJECT, TEXT, Facts, facts_of, line, listed

CHUNK = 100
"""Recipients of one chunk at most."""
MOST = 4_000_000
"""Characters a block may make: a template that runs away is stopped."""
RULES = 10
"""Rules that a footer names."""


class Templates:
    """All templates, compiled: files are read at the start and never again."""

    def __init__(self, folder: str = "", links: Links | None = None) -> None:
        """Raise ConfigError without that folder, TemplateError on a file that is no template."""
        self._links = links or Links()
        if folder and not Path(folder).is_dir():
            raise ConfigError("templates.folder", f"{folder!r} is not a folder")
        own = PackageLoader("fmn.render")
        loader = ChoiceLoader([FileSystemLoader(folder), own]) if folder else own
        self._plain = _compiled(loader, escaping=False)
        self._escaping = _compiled(loader, escaping=True)

    def render(
        self, message: Message, notifications: Sequence[Notification], origin: Origin
    ) -> tuple[Chunk, ...]:
        """Return what the senders need, by kind, then by destination id.

        Raises TemplateError, which names template and line.
        """
        ordered = sorted(notifications, key=lambda one: (one.destination.kind, one.destination.id))
        chunks: list[Chunk] = []
        for kind, group in groupby(ordered, key=lambda one: one.destination.kind):
            content = self.content(kind, [message])
            recipients = tuple(map(self._recipient, group))
            chunks += (Chunk(origin, content, some) for some in _batches(recipients))
        return tuple(chunks)

    def content(self, kind: str, messages: Sequence[Message]) -> Content:
        """Return what the template of this kind makes of these messages, at least one.

        Messages of several applications get the kind's default. Raises TemplateError.
        """
        facts = [facts_of(message, TEXT // len(messages)) for message in messages]
        values = {"messages": facts, "footer": FOOTER}
        names = self._names(kind, {one.app for one in facts})
        return Content(
            kind=kind,
            subject=line(_block(self._plain, names, "subject", values) or "", SUBJECT)
            or line(facts[0].summary, SUBJECT),
            text=(_block(self._plain, names, "text", values) or "").strip("\n"),
            html=_block(self._escaping, names, "html", values),
            headers=_headers(facts[0]) | self._stop,
        )

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
            footer=_footer(list(rules.values()), token and self._links.start(Stop) + token),
        )

    def _names(self, kind: str, apps: set[str]) -> list[str]:
        app = re.sub(r"[^a-z0-9_-]", "", apps.pop().lower()) if len(apps) == 1 else ""
        names = (f"{kind}/{app}.j2", f"{kind}/default.j2", "default.j2")
        return [name for name in names if name in self._plain]


def _compiled(loader: BaseLoader, *, escaping: bool) -> Mapping[str, Compiled]:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=escaping,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["listed"] = listed
    return {name: _read(environment, name) for name in environment.list_templates(["j2"])}


def _read(environment: Environment, name: str) -> Compiled:
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as failed:
        raise TemplateError(f"{failed.filename}:{failed.lineno}", failed.message) from None
    except (OSError, UnicodeDecodeError) as failed:
        raise TemplateError(name, failed) from None


def _block(
    templates: Mapping[str, Compiled], names: Sequence[str], block: str, values: Mapping[str, Any]
) -> str | None:
    first, *others = (templates[name] for name in names)
    context = first.new_context(dict(values))
    for other in others:
        for name, render in other.blocks.items():
            context.blocks.setdefault(name, []).append(render)
    if block not in context.blocks:
        return None
    try:
        return "".join(_bounded(context.blocks[block][0](context)))
    except Exception as failed:  # noqa: BLE001  # a template is a program: it may raise anything
        raise TemplateError(_where(failed, names[0]), failed) from None


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    made = 0
    for piece in pieces:
        made += len(piece)
        if made > MOST:
            raise OverflowError(f"it makes more than {MOST:,} characters")
        yield piece


def _where(failed: Exception, name: str) -> str:
    places = [
        f"{template.filename}:{template.get_corresponding_lineno(number)}"
        for frame, number in traceback.walk_tb(failed.__traceback__)
        if (template := frame.f_globals.get("__jinja_template__"))
    ]
    return places[-1] if places else name


def _headers(facts: Facts) -> dict[str, str]:
    known = {"topic": facts.topic, "app": facts.app, "severity": facts.severity}
    return {name: value for name, value in (known | {"message": facts.id}).items() if value}


def _footer(rules: list[str], stop: str) -> str:
    if not rules:
        return "You get this because somebody, you we hope, gave fmn this address."
    named = listed([f"“{line(rule)}”" for rule in rules], RULES)
    why = f"You get this because of your {'rule' if len(rules) == 1 else 'rules'} {named}."
    return f"{why}\nStop or pause this: {stop}" if stop else why


def _batches(recipients: tuple[Recipient, ...]) -> Iterator[tuple[Recipient, ...]]:
    return (recipients[at : at + CHUNK] for at in range(0, len(recipients), CHUNK))
