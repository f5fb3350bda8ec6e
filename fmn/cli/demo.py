"""`fmn demo`: the whole road on one machine, with nothing to set up."""

import asyncio
from importlib.resources import files
from socket import socket
from typing import Annotated

import typer
from rich.text import Text

from fmn.cli.rules import read_rules
from fmn.cli.say import emit_text, say, write_lines
from fmn.cli.settings import run, site
from fmn.cli.stage import Stage, staged
from fmn.demo.table import draw_told
from fmn.errors import ConfigError
from fmn.report.drawing import draw_load
from fmn.report.gathered import ledger_of, load_of
from fmn.service import log_to_stderr, until_told
from fmn.serving import address_of, listen


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when all is delivered.")] = False,
    messages: Annotated[
        str | None, typer.Option(metavar="FILE", help="In place of the sample messages.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="RULES.yaml", help="In place of the sample rules.")
    ] = None,
    print_rules: Annotated[
        bool, typer.Option("--print-rules", help="Print the sample rules and end.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write what became of each notification.")
    ] = None,
) -> None:
    """Send messages down the whole road: embedded Valkey, SQLite, a folder for the mails.

    Without --once it goes on and serves the pages of one of the sample users.
    """
    samples = files("fmn.demo")
    if print_rules:
        emit_text((samples / "rules.yaml").read_text())
        return
    at = site(None)
    book = read_rules(rules or str(samples / "rules.yaml"), at)
    log_to_stderr("error")
    if json:
        write_lines(json, [])  # what cannot be written is said before anything is played
    stage = staged(at, book, messages or str(samples / "messages.jsonl"))
    if run(until_told(_perform(stage, json, once=once))) is False:
        raise typer.Exit(1)


async def _perform(stage: Stage, json: str | None, *, once: bool) -> bool:
    """Play it, show what became of it, and return whether all went well."""
    ear = None if once else _ear(stage.site.settings.web.port)
    async with stage.playing(ear):
        stand = await stage.settled()
        told = await stage.told()
        if json:
            write_lines(json, [one.as_json() for one in told])
        say(draw_told(told, stage.said.lines))
        say(draw_load(load_of(stand, len(stand))))
        say(Text(f"\nMails, for any mail program to open: {stage.mails}"))
        ledger = ledger_of(stand)
        if ear:
            say(Text(f"What is said on IRC from now on: {stage.folder / 'irc.txt'}"))
            say(Text(f"The pages, signed in as {stage.user}: {address_of(ear)}"))
            say(Text(f"Look around:   fmn ledger --config {stage.settings_file}   Ctrl-C ends it."))
            await asyncio.Event().wait()
    return ledger.balanced and not ledger.messages.undecodable


def _ear(port: int) -> socket:
    """Return where the pages listen: their usual port, or any other where that is taken."""
    try:
        return listen("127.0.0.1", port)
    except ConfigError:
        return listen("127.0.0.1", 0)
