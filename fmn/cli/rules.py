"""`fmn match`, and `fmn rules export|import`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fmn.bus.facts import Decoder
from fmn.cli.lines import Lines
from fmn.cli.say import emit, say, write_text
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.directory.fixed import Fixed
from fmn.directory.snapshot import Directory, Snapshot
from fmn.errors import InputError, Unavailable
from fmn.model import DestinationState
from fmn.preferences.codec import read_book, read_user, write_user
from fmn.preferences.merge import changes, merge
from fmn.preferences.values import Book, Preferences, rule_set
from fmn.queues.connection import connect
from fmn.queues.nudge import nudge
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.preferences import load_user, save
from fmn.storage.schema import require_schema

rules = typer.Typer(
    no_args_is_help=True, add_completion=False, help="One user's preferences as YAML."
)

User = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]


def read_rules(path: str, at: Site) -> Book:
    """Read RULES.yaml. Raises PreferencesError, which names file, path and key."""
    return read_book(read_text(path), where=path, filters=at.filters, senders=at.senders)


def read_text(path: str) -> str:
    """Read a file, or `-` for stdin. Raises InputError."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text()
    except OSError as failed:
        raise InputError(path, failed.strerror or failed) from None
    except UnicodeDecodeError as failed:
        raise InputError(path, f"not UTF-8: {failed}") from None


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
    everybody = rule_set(book.users, groups_of=directory.groups_of)
    messages = Lines(file, at.settings.bus, Decoder.line)
    for message in map(directory.with_owners, messages):
        for user, (matched, told) in everybody.match(message).by_user().items():
            names = {"rules": [r.name for r in matched], "destinations": [d.name for d in told]}
            emit({"message": message.id, "user": user} | names)
    if messages.bad:
        raise typer.Exit(1)


@rules.command("export")
def export_rules(
    user: User,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Else stdout.")] = "-",
    config: ConfigFile = None,
) -> None:
    """Write a user's preferences as YAML, the form `fmn rules import` reads."""
    at = site(config)
    found = run(_load(at, user))
    if found is None:
        raise InputError(user, "there is no such user")
    write_text(file, write_user(found))


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
    config: ConfigFile = None,
) -> None:
    """Read a user's preferences from YAML: show what would change, ask, save."""
    if file == "-" and not (yes or dry_run):
        raise InputError("stdin", "it holds the YAML, so nobody can be asked: use --yes or a FILE")
    at = site(config)
    read = read_user(read_text(file), user=user, where=file, filters=at.filters, senders=at.senders)
    before = run(_load(at, user))
    after = merge(before, read, confirmed=confirmed)
    say(Text("\n".join(changes(before, after)) or "the text stays as it is"))
    for to in after.destinations:
        if to.state is not DestinationState.ACTIVE:
            say(Text(f"{to.name} ({to.address}) will hear nothing: it is {to.state}"))
    if after == before or dry_run:
        return
    if not yes and not typer.confirm("Save this?", err=True):
        raise typer.Exit(1)
    version = run(_save(at, after))
    say(f"saved as change {version}")


async def _load(at: Site, user: str) -> Preferences | None:
    async with open_engine(at.settings.storage.url.get_secret_value()) as engine:
        await require_schema(engine)
        async with reading(engine) as connection:
            return await load_user(connection, user, at.filters)


async def _save(at: Site, preferences: Preferences) -> int:
    url = at.settings.storage.url.get_secret_value()
    async with open_engine(url) as engine, writing(engine) as transaction:
        version = await save(transaction, preferences, by="fmn rules import")
    try:
        url = at.settings.queues.url.get_secret_value()
        async with connect(url, patient=False) as connection:
            await nudge(connection, version)
    except Unavailable as away:
        say(Text(f"{away}; workers look by themselves, within a second"))
    return version
