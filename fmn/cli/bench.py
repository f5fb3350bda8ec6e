"""`fmn bench`: how fast, against what, measured here and now."""

from collections.abc import Coroutine
from typing import Annotated, Any

import msgspec
import typer

from fmn.bench import road as of_the_road
from fmn.bench import senders as of_senders
from fmn.bench.figure import Figure
from fmn.bench.rules import measured as of_rules
from fmn.cli.say import emit, say
from fmn.cli.settings import run
from fmn.report.drawing import draw_table
from fmn.service import log_to_stderr

bench = typer.Typer(
    no_args_is_help=True, add_completion=False, help="How fast, measured here and now."
)

Json = Annotated[bool, typer.Option("--json", help="For machines, on stdout.")]
Rounds = Annotated[int, typer.Option(metavar="N", min=1, help="How often each is measured.")]


@bench.callback()
def _verbs() -> None:
    """How fast, measured here and now."""


@bench.command()
def senders(json: Json = False, rounds: Rounds = 5) -> None:
    """Measure what senders do in a second, with peers that only answer; takes about a minute."""
    plan = of_senders.Plan(rounds=rounds)
    _shown(of_senders.measured(plan, _under_way), beside="its peer takes", json=json)


@bench.command()
def road(json: Json = False, rounds: Rounds = 5) -> None:
    """Measure the queues: what must not be lost, and waits with help; takes about five minutes."""
    plan = of_the_road.Plan(rounds=rounds)
    _shown(of_the_road.measured(plan, _under_way), beside="theory", json=json)


@bench.command()
def rules(
    rules: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, help="How many; may be given several times."),
    ] = None,
    json: Json = False,
    rounds: Rounds = 5,
) -> None:
    """Measure how one message finds its rules among 10,000, 100,000, 1,000,000, or as many as said.

    Takes about three minutes; 5,000,000 as long again.
    """
    plan = of_rules.Plan(rules=rules or of_rules.RULES, rounds=rounds)
    _shown(of_rules.measured(plan, _under_way), beside="the loop", json=json)


def _under_way(what: str) -> None:
    say(f"{what} …")


def _shown(measured: Coroutine[Any, Any, list[Figure]], *, beside: str, json: bool) -> None:
    """Measure, and show the figures; exit 1 where an aim was missed."""
    log_to_stderr("error")
    figures = run(measured)
    if json:
        emit({"figures": msgspec.to_builtins(figures)})
    else:
        say(draw_table((*HEAD, beside), [_row(figure) for figure in figures]))
    if not all(figure.reached for figure in figures):
        raise typer.Exit(1)


HEAD = ("", "measured", "noise", "aim", "")


def _row(figure: Figure) -> tuple[str, ...]:
    limit = f"{_number(figure.limit)} {figure.unit}" if figure.limit else ""
    noise = f"± {figure.noise:.0%}" if figure.noise else ""
    reached = {True: "reached", False: "MISSED"}[figure.reached] if figure.target else ""
    value = f"{_number(figure.value)} {figure.unit}"
    return figure.what, value, noise, figure.target, reached, limit


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004
