"""Jinja2: templates read and compiled at the start, and their blocks rendered.

The sandbox: templates are text, written by whoever may; they cannot reach what is not theirs.
"""

import traceback
from collections.abc import Iterator, Mapping, Sequence
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
from markupsafe import Markup, escape

from fmn.errors import ConfigError, TemplateError
from fmn.render.clean import LINK, line, listed

MOST = 4_000_000
"""Characters a block may make: a template that runs away is stopped."""


class Blocks:
    """The blocks of all template files: the operator's own, then those beside this file."""

    def __init__(self, folder: str, *, escaping: bool) -> None:
        """Raise ConfigError without that folder, TemplateError on a file that is no template."""
        if folder and not Path(folder).is_dir():
            raise ConfigError("templates.folder", f"{folder!r} is not a folder")
        own = PackageLoader("fmn.render")
        loader = ChoiceLoader([FileSystemLoader(folder), own]) if folder else own
        self._files = _compiled(loader, escaping=escaping)

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return name in self._files

    def render(self, names: Sequence[str], block: str, values: Mapping[str, Any]) -> str | None:
        """Return what a block makes, from the first of these files that has it; else None.

        Raises TemplateError, which names template and line.
        """
        first, *others = (self._files[name] for name in names)
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


def _compiled(loader: BaseLoader, *, escaping: bool) -> Mapping[str, Compiled]:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=escaping,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"listed": listed, "line": line, "linked": _linked}
    return {name: _read(environment, name) for name in environment.list_templates(["j2"])}


def _read(environment: Environment, name: str) -> Compiled:
    try:
        return environment.get_template(name)
    except TemplateSyntaxError as failed:
        raise TemplateError(f"{failed.filename}:{failed.lineno}", failed.message) from None
    except (OSError, UnicodeDecodeError) as failed:
        raise TemplateError(name, failed) from None


def _linked(text: str) -> Markup:
    made, done = Markup(), 0
    for found in LINK.finditer(text):
        url = found.group().rstrip(".,;:!?)]}'")  # these end a sentence more often than an address
        if LINK.fullmatch(url):
            made += escape(text[done : found.start()])
            made += Markup('<a href="{0}">{0}</a>').format(url)
            done = found.start() + len(url)
    return made + escape(text[done:])


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
