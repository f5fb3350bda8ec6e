"""The load distribution for people: fits 80 columns, and says nothing by colour alone."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fmn.report.figures import LaneLoad, Load, WorkerLoad

BAR = 16
"""Characters of the longest bar."""
UNLIKELY = 0.05
HUNDREDTH = 0.01


def draw_load(load: Load) -> RenderableType:
    """Return tables of channels, workers and lanes, and what the figures mean, in a sentence."""
    parts: list[RenderableType] = [
        _channels(load),
        Text(),
        Text(_figures(load)),
        Text(_meaning(load)),
    ]
    if load.workers:
        parts += [Text(), _workers(load.workers)]
    if load.lanes:
        parts += [Text(), _lanes(load.lanes)]
    return Group(*parts)


def draw_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table of numbers; the first column says what of."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for at, name in enumerate(names):
        table.add_column(name, justify="right" if at else "left", overflow="fold")
    for row in rows:
        # As Text: a name in brackets would be read as markup.
        table.add_row(*(Text(_word(cell)) for cell in row))
    return table


def _channels(load: Load) -> Table:
    low, high = load.band_percent
    most = max(load.counts, default=0) or 1
    rows = []
    for one in load.channels:
        share = load.share_percent(one)
        bar = "#" * round(BAR * one.messages / most)
        # Padded, for numbers stand on the right and bars begin on the left.
        drawn = (f"{bar:<{BAR}}", share, f"{low:.3f}-{high:.3f}")
        rows.append((one.channel, one.messages, *drawn, _where(share, low, high)))
    return draw_table(["channel", "messages", "", "share %", "95 % band", "fair pick"], rows)


def _where(share: float, low: float, high: float) -> str:
    return "inside" if low <= share <= high else "outside"


def _figures(load: Load) -> str:
    if load.max_over_mean is None or load.chi_square is None:
        return "No figures: nothing counted."
    p = f"p n/a: {load.p_reason}" if load.p is None else f"p = {load.p:.3f}"
    return (
        f"max ÷ mean {load.max_over_mean:.3f}, cv {load.cv:.4f}, "
        f"chi-square {load.chi_square:.3f}, {load.degrees} degrees, {p}"
    )


def _meaning(load: Load) -> str:
    p = load.p
    if p is None:
        return "Whether this was a fair pick cannot be said."
    often = f"Of 100 fair runs {_hundred(p)} are at least this uneven"
    if p < UNLIKELY:
        return f"{often}: a p below 0.05 comes once in 20 fair runs. Look again, at a longer run."
    if p > 1 - UNLIKELY:
        return f"{often}: more even than 19 of 20 fair runs. A random pick is rarely so even."
    return f"{often}: this looks like a fair pick."


def _hundred(p: float) -> str:
    return "fewer than 1" if p < HUNDREDTH else f"{100 * p:.0f}"


def _workers(workers: Sequence[WorkerLoad]) -> Table:
    return draw_table(
        ["worker", "messages", "busy s", "wait p50 ms", "wait p99 ms", "helped"],
        [(one.worker, one.messages, one.busy_seconds, *_waits(one), one.helped) for one in workers],
    )


def _waits(one: WorkerLoad) -> Iterator[float | None]:
    return (wait and 1000 * wait for wait in (one.wait_p50, one.wait_p99))


def _lanes(lanes: Sequence[LaneLoad]) -> Table:
    names = ["lane", "waiting", "retrying", "held", "sent", "suppressed", "failed", "dead"]
    return draw_table(names, [[getattr(one, name) for name in names] for one in lanes])


def _word(cell: object) -> str:
    if cell is None:
        return "n/a"
    if isinstance(cell, float):
        return f"{cell:,.3f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
