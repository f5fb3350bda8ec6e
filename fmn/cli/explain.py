"""`fmn explain`: why a user got a message, and why not."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from fmn.cli.remote import Access, Token, TokenFile, Url, access, remote
from fmn.cli.say import emit, say
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.directory.file import FileDirectory
from fmn.directory.snapshot import Directory
from fmn.errors import InputError
from fmn.rules.explanation import Sign
from fmn.rules.filter import Filter
from fmn.storage.engine import Engine
from fmn.storage.schema import require_schema
from fmn.web.history.signs import in_words
from fmn.web.history.why import why

MARKS = {True: ("✓", "green"), False: ("✗", "red")}


class _Answer(msgspec.Struct, frozen=True):
    kind: str
    negated: bool
    holds: bool
    deciding: list[str]


class _Verdict(msgspec.Struct, frozen=True):
    rule: str
    matched: bool
    why: str | None
    filters: list[_Answer]
    keys: list[Sign] | msgspec.UnsetType | None = msgspec.UNSET
    """An older site says nothing of them."""


class _Delivery(msgspec.Struct, frozen=True):
    destination: str
    kind: str
    state: str
    reason: str | None
    at: str


class _Explained(msgspec.Struct, frozen=True):
    message: str
    user: str
    by: str
    version: int
    rules: list[_Verdict]
    deliveries: list[_Delivery]


def explain(  # noqa: PLR0913, PLR0917  # flags of a verb
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's name.")],
    message: Annotated[str, typer.Argument(metavar="MESSAGE-ID", help="Its id, or its URL.")],
    now: Annotated[
        bool, typer.Option("--now", help="By the preferences of now, not those in force then.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Only JSON, on a terminal too.")] = False,
    url: Url = None,
    token: Token = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Say why a user got a message, and why not: what decided, where a delivery stopped."""
    there = access(url, token, token_file)
    if there:
        found = _ask(there, user, message, now=now)
    else:
        found = run(_look(site(config), user, message, now=now))
    if not json:
        say(_words(_explained(found)))
    if json or not sys.stdout.isatty():
        emit(found)


def _ask(there: Access, user: str, message: str, *, now: bool) -> Any:  # noqa: ANN401  # JSON
    with remote(there) as api:
        api.check_user(user)
        return api.explain(message, now=now)


@dataclass(frozen=True)
class _Here:
    engine: Engine
    filters: dict[str, type[Filter]]
    directory: Directory


async def _look(at: Site, user: str, message: str, *, now: bool) -> Any:  # noqa: ANN401  # JSON
    async with at.engine() as engine:
        await require_schema(engine)
        here = _Here(engine, dict(at.filters), FileDirectory(at.settings.directory))
        found = await why(here, user, message, now=now)
    if found is None:
        raise InputError(
            message, f"there is no user {user}, or no such message that {user} may see"
        )
    return found.as_json()


def _explained(found: object) -> _Explained:
    try:
        return msgspec.convert(found, _Explained)
    except msgspec.ValidationError as failed:
        raise InputError("the answer", f"expected an explanation; {failed}") from None


def _words(found: _Explained) -> Text:
    by = "in force then" if found.by == "then" else "of now"
    text = Text(_plain(f"{found.message} and {found.user}, by the preferences {by}\n"))
    for verdict in found.rules:
        text.append(_line("", verdict.rule, verdict.why, holds=verdict.matched))
        text.append(_plain(_brought_up(verdict)))
        for answer in verdict.filters:
            kind = f"not {answer.kind}" if answer.negated else answer.kind
            text.append(_line("  ", kind, ", ".join(answer.deciding), holds=answer.holds))
    if not found.rules:
        text.append("no rules\n" if found.version else "no preferences yet\n")
    for line in _deliveries(found):
        text.append(_plain(line) + "\n")
    text.rstrip()
    return text


def _brought_up(verdict: _Verdict) -> str:
    if verdict.keys is msgspec.UNSET or (verdict.keys is not None and not verdict.filters):
        return ""
    return f"  {in_words(verdict.keys)}\n"


def _line(indent: str, what: str, why: str | None, *, holds: bool) -> Text:
    mark, colour = MARKS[holds]
    said = f"{what}: {why}" if why else what
    return Text.assemble(indent, (mark, colour), f" {_plain(said)}\n")


def _deliveries(found: _Explained) -> Iterator[str]:
    for each in found.deliveries:
        reason = f": {each.reason}" if each.reason else ""
        yield f"{each.destination} ({each.kind}): {each.state}{reason}, {each.at}"
    if not found.deliveries:
        yield "nothing was made of it for this user"


def _plain(text: str) -> str:
    # What is in a message must not reach a terminal as more than text.
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in text)
