"""A bar chart: a column a day, say, stacked of series; the template also writes it as a table.

A page makes a `Chart` and shows it by the macro `chart` of `chart.html`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

HEIGHT = 100
"""Of the tallest column, in the drawing's own units; the page stretches it."""
WIDTH = 10
"""From one column to the next."""
GAP = 2
LOOKS = ("bar", "bar known", "bar third", "bar fourth", "bar fifth", "bar sixth")
"""Classes of the series, in their order; those beyond share the last."""
SHADES = len(LOOKS)
"""Series that look different."""


@dataclass(frozen=True, slots=True)
class Column:
    """One bar: its label, and a value for each series."""

    label: str
    values: tuple[float, ...]
    about: bool = False
    """Whether the values are estimated."""

    @property
    def total(self) -> float:
        """Return the height of the whole bar."""
        return sum(self.values)

    def amount(self, value: float) -> str:
        """Return one of the values, or their total, in words."""
        return amount(value, about=self.about)


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle of the drawing: where it stands, what it looks like, what it says."""

    x: int
    y: float
    height: float
    look: str
    title: str
    width: int = WIDTH - GAP


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw. Every column has a value for each series."""

    caption: str
    first: str
    """Heading of the table's first column: what the labels are, `Day`."""
    series: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """Return the width of the drawing in its own units."""
        return max(1, len(self.columns)) * WIDTH

    @property
    def height(self) -> int:
        """Return the height of the drawing in its own units."""
        return HEIGHT

    @property
    def top(self) -> Column | None:
        """Return the tallest column; None where all are empty."""
        tallest = max(self.columns, key=lambda column: column.total, default=None)
        return tallest if tallest and tallest.total else None

    def look(self, series: int) -> str:
        """Return the classes of a series, here and in the key."""
        return LOOKS[min(series, SHADES - 1)]

    def bars(self) -> Iterator[Bar]:
        """Return the rectangles, each standing on the one before."""
        for place, column in enumerate(self.columns if self.top else ()):
            yield from self._stack(place, column)

    def _stack(self, place: int, column: Column) -> Iterator[Bar]:
        scale = HEIGHT / self.top.total if self.top else 0
        y = float(HEIGHT)
        for series, value in enumerate(column.values):
            if value > 0:
                y -= value * scale
                title = f"{column.label}, {self.series[series]}: {column.amount(value)}"
                look = self.look(series) + (" estimated" if column.about else "")
                x = place * WIDTH + GAP // 2
                yield Bar(x, round(y, 2), round(value * scale, 2), look, title)


def amount(value: float, *, about: bool = False) -> str:
    """Return a number for people: whole, and said to be "about" so much where it is estimated."""
    whole = f"{round(value):,}"
    return f"about {whole}" if about else whole
