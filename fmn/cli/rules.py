"""`fmn match`, and `fmn rules export|import`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from fmn.bus.facts import Decoder
from fmn.cli.lines import Lines
from fmn.cli.remote import Access, Remote, Token, TokenFile, Url, access, remote
from fmn.cli.say import emit, read_text, say, write_text
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Directory, Snapshot
from fmn.errors import InputError, Unavailable
from fmn.model import DestinationState
from fmn.preferences.codec import read_book, read_user, write_user
from fmn.preferences.edits import Changed
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Book, Preferences, rule_set
from fmn.queues.connection import connect
from fmn.queues.nudge import nudge
from fmn.storage.editing import Change, edit
from fmn.storage.engine import reading
from fmn.storage.preferences import load_user
from fmn.storage.schema import require_schema

rules = typer.Typer(
    no_args_is_help=True, add_completion=False, help="One user's preferences as YAML."
)

SAME = "the text stays as it is"

User = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]


def read_rules(path: str, at: Site) -> Book:
    """Read RULES.yaml. Raises PreferencesError, which names file, path and key."""
    return read_book(read_text(path), where=path, filters=at.filters, senders=at.senders)


def directory_of(book: Book) -> Directory:
    """Return what RULES.yaml says of owners and groups."""
    owners = {ownership.artifact: ownership for ownership in book.owners}
    groups = {user.user: frozenset(user.groups) for user in book.users}
    return Fixed(Snapshot(owners, groups))


def match(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Messages, a JSON object a line.")],
    rules: Annotated[str, typer.Option(metavar="RULES.yaml", help="Everybody's preferences.")],
    config: ConfigFile = None,
) -> None:
    """Show what each message would match, without any server: a JSON line for each user."""
    at = site(config)
    book = read_rules(rules, at)
    directory = directory_of(book)
    everybody = rule_set(book.users, groups=directory)
    messages = Lines(file, at.settings.bus, Decoder.line)
    for message in map(directory.with_owners, messages):
        for user, (matched, told) in everybody.match(message).by_user().items():
            names = {"rules": [r.name for r in matched], "destinations": [d.name for d in told]}
            emit({"message": message.id, "user": user} | names)
    if messages.bad:
        raise typer.Exit(1)


@rules.command("export")
def export_rules(  # noqa: PLR0913, PLR0917  # flags of a verb
    user: User,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Else stdout.")] = "-",
    url: Url = None,
    token: Token = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Write a user's preferences as YAML, the form `fmn rules import` reads."""
    if there := access(url, token, token_file):
        with remote(there) as api:
            api.check_user(user)
            text, _ = api.preferences()
    else:
        found = run(_load(site(config), user))
        if found is None:
            raise InputError(user, "there is no such user")
        text = write_user(found)
    write_text(file, text)


@rules.command("import")
def import_rules(  # noqa: PLR0913, PLR0917  # flags of a verb
    user: User,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Else stdin.")] = "-",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="You vouch that new addresses are the user's.")
    ] = False,
    url: Url = None,
    token: Token = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Read a user's preferences from YAML: show what would change, ask, save."""
    if file == "-" and not (yes or dry_run):
        raise InputError("stdin", "it holds the YAML, so nobody can be asked: use --yes or a FILE")
    if file == token_file == "-":
        raise InputError("stdin", "it holds the YAML, so the token must be in a file")
    there = access(url, token, token_file)
    if there and confirmed:
        raise InputError("--confirmed", "only an operator, on the site itself, can vouch for that")
    text = read_text(file)
    with _plans(there, config, user) as plan_of:
        plan = plan_of(text, file, confirmed)
        say(Text("\n".join([*(plan.changes or [SAME]), *plan.silent])))
        if dry_run or not plan.save:
            return
        if not yes and not typer.confirm("Save this?", err=True):
            raise typer.Exit(1)
        say(plan.save())


@dataclass(frozen=True)
class Plan:
    """What an import would change, and how to do it."""

    changes: list[str]
    silent: list[str]
    """Which destinations will hear nothing, and why."""
    save: Callable[[], str] | None
    """Does it, and returns what to say; None where there is nothing to do."""


PlanOf = Callable[[str, str, bool], Plan]
"""Makes a plan of a text, the name of its file, and whether somebody vouches for addresses."""


@contextmanager
def _plans(there: Access | None, config: str | None, user: str) -> Iterator[PlanOf]:
    if there is None:
        yield partial(_plan_here, site(config), user)
        return
    with remote(there) as api:
        api.check_user(user)
        yield partial(_plan_there, api)


def _plan_here(at: Site, user: str, text: str, file: str, confirmed: bool) -> Plan:
    read = read_user(text, user=user, where=file, filters=at.filters, senders=at.senders)
    before = run(_load(at, user))
    after = merge(before, read, confirmed=confirmed)
    silent = [
        f"{to.name} ({at.shown(to.kind, to.address)}) will hear nothing: it is {to.state}"
        for to in after.destinations
        if to.state is not DestinationState.ACTIVE
    ]

    def edited(now: Preferences) -> Preferences:
        seen = before or replace(now, destinations=(), rules=())
        if (now.destinations, now.rules) != (seen.destinations, seen.rules):
            raise Changed(user)
        return merge(now, read, confirmed=confirmed)

    def save_it() -> str:
        return f"saved as change {run(_save(at, user, edited))}"

    shown = changes(before and _shown(at, before), _shown(at, after))
    return Plan(shown, silent, save_it if after != before else None)


def _shown(at: Site, preferences: Preferences) -> Preferences:
    kinds = at.uses()
    return replace(
        preferences,
        destinations=tuple(
            replace(to, address=kinds[to.kind].shown(to.address)) if to.kind in kinds else to
            for to in preferences.destinations
        ),
    )


def _plan_there(api: Remote, text: str, _file: str, _confirmed: bool) -> Plan:
    _, seen = api.preferences()
    planned = api.put_preferences(text, seen, dry_run=True)
    silent = [f"{name} will hear nothing: it is unconfirmed" for name in planned.unconfirmed]

    def save_it() -> str:
        api.put_preferences(text, seen, dry_run=False)
        return "saved"

    return Plan(planned.changes, silent, save_it if planned.changes else None)


async def _load(at: Site, user: str) -> Preferences | None:
    async with at.engine() as engine:
        await require_schema(engine)
        async with reading(engine) as connection:
            return await load_user(connection, user, at.filters)


async def _save(at: Site, user: str, edited: Change) -> int:
    async with at.engine() as engine:
        _, version = await edit(engine, user, at.filters, edited, by="fmn rules import", make=True)
    try:
        url = at.settings.queues.url.get_secret_value()
        async with connect(url, patient=False) as connection:
            await nudge(connection, version)
    except Unavailable as away:
        say(Text(f"{away}; workers look by themselves, within a second"))
    return version
