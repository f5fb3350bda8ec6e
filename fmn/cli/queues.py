"""`fmn channels`, `fmn dead`, `fmn ledger`, `fmn report`: what the queues hold and counted."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from fmn.cli.say import emit, emit_text, say
from fmn.cli.settings import ConfigFile, Site, run, site
from fmn.emission import Chunk, Content
from fmn.errors import InputError
from fmn.model import is_own, split_key
from fmn.queues.connection import Connection, connect
from fmn.queues.dead import dead_letter, dead_letters, drop, held, replay
from fmn.queues.entries import DeadLetter, UnreadableEntry, unpack
from fmn.queues.figures import MOST, figures, set_channels
from fmn.queues.figures import channels as channels_set
from fmn.report.drawing import draw_load
from fmn.report.figures import Load
from fmn.report.gathered import ledger_of, load_of
from fmn.report.ledger import Ledger, draw_ledger

Doing = Callable[[Connection, str], Awaitable[bool]]
"""What is done with a dead letter, by its id; whether it was still there."""
Json = Annotated[bool, typer.Option("--json", help="For machines, on stdout.")]

dead = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Dead letters: what an operator may mend."
)
report = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    help="How the load spread over channels, workers and lanes.",
)


def channels(
    n: Annotated[int | None, typer.Argument(metavar="N", min=1, max=MOST)] = None,
    config: ConfigFile = None,
) -> None:
    """Print the number of channels, or set it while everything runs."""
    run(_channels(site(config), n))


async def _channels(at: Site, n: int | None) -> None:
    async with _connected(at) as connection:
        if n is not None:
            await set_channels(connection, n)
            say(f"consumers pick among {n} channels within a second")
        number = await channels_set(connection) or at.settings.queues.channels
        emit_text(f"{number}\n")


def ledger(config: ConfigFile = None, as_json: Json = False) -> None:
    """Show that all that came in is somewhere; exit 1 where a residual stays."""
    found = run(_ledger(site(config)))
    if as_json:
        emit(found.as_json())
    else:
        say(draw_ledger(found))
    if not found.balanced:
        raise typer.Exit(1)


async def _ledger(at: Site) -> Ledger:
    async with _connected(at) as connection:
        found = ledger_of(await figures(connection))
        return replace(found, durability=str(connection.durability))


@report.callback()
def load(context: typer.Context, config: ConfigFile = None, as_json: Json = False) -> None:
    """Show how the load of what runs spread over channels, workers and lanes."""
    if context.invoked_subcommand is None:
        _show(run(_load(site(config))), as_json=as_json)


@report.command()
def counts(
    numbers: Annotated[list[int], typer.Argument(metavar="N N…", min=0)], as_json: Json = False
) -> None:
    """Say whether these counts are what a fair random pick leaves."""
    _show(Load.of_counts(numbers), as_json=as_json)


async def _load(at: Site) -> Load:
    async with _connected(at) as connection:
        n = await channels_set(connection) or at.settings.queues.channels
        return load_of(await figures(connection), n)


def _show(load: Load, *, as_json: bool) -> None:
    if as_json:
        emit(load.as_json())
    else:
        say(draw_load(load))


@dead.command("list")
def list_dead(config: ConfigFile = None, as_json: Json = False) -> None:
    """List the dead letters, oldest first on each channel."""
    found = run(_dead(site(config)))
    if as_json:
        for name, letter in found:
            emit(letter_as_json(name, letter))
        return
    for name, one in found:
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        say(Text(f"{name}  {at}  {one.what}, {one.where}, tries {one.tries}: {one.why}"))
    if not found:
        say("no dead letters")


@dead.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As `fmn dead list` shows it.")],
    config: ConfigFile = None,
) -> None:
    """Show one dead letter, with what it held, as JSON."""
    at = site(config)
    one = run(_one(at, letter))
    emit(letter_as_json(letter, one) | {"held": _held(at, one)})


Letters = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", help="As `fmn dead list` shows them.")
]
All = Annotated[bool, typer.Option("--all", help="All there are.")]


@dead.command("replay")
def replay_dead(ids: Letters = None, every: All = False, config: ConfigFile = None) -> None:
    """Put what dead letters held back into its queue, to be tried anew."""
    _each("replayed", replay, _named(ids, every=every), config)


@dead.command("drop")
def drop_dead(ids: Letters = None, every: All = False, config: ConfigFile = None) -> None:
    """Throw dead letters away; the ledger goes on counting them as dead."""
    _each("dropped", drop, _named(ids, every=every), config)


def _named(ids: list[str] | None, *, every: bool) -> list[str] | None:
    if bool(ids) is every:
        raise InputError("fmn dead", "name letters, or say --all")
    return ids


def _each(done: str, do: Doing, ids: list[str] | None, config: str | None) -> None:
    counted, refused = run(_done(site(config), do, ids))
    say(f"{done} {counted['done']}; {counted['gone']} were not there any more")
    for why in refused:
        say(Text(str(why)))
    if refused and ids:  # of all there are, those stay that cannot be replayed
        raise typer.Exit(1)


async def _done(
    at: Site, do: Doing, ids: list[str] | None
) -> tuple[Counter[str], list[InputError]]:
    counted, refused = Counter[str](), list[InputError]()
    async with _connected(at) as connection:
        if ids is None:
            ids = [name async for name, _ in dead_letters(connection)]
        for name in dict.fromkeys(ids):
            try:
                counted["done" if await do(connection, name) else "gone"] += 1
            except InputError as why:
                refused.append(why)
    return counted, refused


async def _dead(at: Site) -> list[tuple[str, DeadLetter]]:
    async with _connected(at) as connection:
        return [found async for found in dead_letters(connection)]


async def _one(at: Site, name: str) -> DeadLetter:
    async with _connected(at) as connection:
        found = await dead_letter(connection, name)
    if found is None:
        raise InputError(name, "there is no such dead letter; `fmn dead list` shows them")
    return found


def letter_as_json(name: str, letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter for machines, without what it held."""
    shown = {"id": name} | asdict(letter)
    del shown["entry"]
    return shown


def _held(at: Site, letter: DeadLetter) -> Any:  # noqa: ANN401  # whatever it was
    """Return what it held; addresses without their secrets, and no token that stops anything."""
    if letter.what != "chunk":
        return held(letter)
    try:
        chunk = unpack(letter.entry, Chunk)
    except UnreadableEntry:
        return "a chunk that cannot be read"
    kind = chunk.content.kind
    recipients = tuple(
        replace(each, address=at.shown(kind, each.address), token="", footer="")
        for each in chunk.recipients
    )
    content = chunk.content
    if any(is_own(split_key(key)[0]) for each in chunk.recipients for key in each.keys):
        content = Content(kind, content.subject, "(a letter of fmn: it may hold a code)")
    return msgspec.to_builtins(replace(chunk, content=content, recipients=recipients))


@asynccontextmanager
async def _connected(at: Site) -> AsyncIterator[Connection]:
    async with connect(at.settings.queues.url.get_secret_value(), patient=False) as connection:
        yield connection
