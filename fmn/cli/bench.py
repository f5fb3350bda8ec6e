"""`fmn bench`: how fast, against what, measured here and now."""

from typing import Annotated

import msgspec
import typer

from fmn.bench import senders as of_senders
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
    log_to_stderr("error")
    plan = of_senders.Plan(rounds=rounds)
    figures: list[of_senders.Figure] = run(of_senders.measured(plan, lambda what: say(f"{what} …")))
    if json:
        emit({"figures": msgspec.to_builtins(figures)})
    else:
        say(draw_table(HEAD, [_row(figure) for figure in figures]))
    if not all(figure.reached for figure in figures):
        raise typer.Exit(1)


HEAD = ("", "measured", "noise", "aim", "", "its peer takes")


def _row(figure: of_senders.Figure) -> tuple[str, ...]:
    limit = f"{figure.limit:,.0f} {figure.unit}" if figure.limit else ""
    noise = f"± {figure.noise:.0%}" if figure.noise else ""
    reached = {True: "reached", False: "MISSED"}[figure.reached] if figure.target else ""
    value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.2f}"  # noqa: PLR2004
    return figure.what, f"{value} {figure.unit}", noise, figure.target, reached, limit
