"""Bars of a chart: as tall as their values, in the order of their series."""

from itertools import pairwise

from fmn.web.history.chart import HEIGHT, LOOKS, Chart, Column, amount


def a_chart(*columns: Column, series: tuple[str, ...] = ("mine", "others")) -> Chart:
    return Chart("Messages a day", "Day", series, columns)


def test_the_tallest_column_fills_the_drawing_and_others_are_in_proportion() -> None:
    bars = list(a_chart(Column("Mon", (1, 3)), Column("Tue", (2, 0))).bars())
    assert [(bar.y, bar.height) for bar in bars] == [
        (HEIGHT * 3 / 4, HEIGHT / 4),
        (0, HEIGHT * 3 / 4),
        (HEIGHT / 2, HEIGHT / 2),
    ]


def test_columns_stand_beside_each_other_within_the_drawing() -> None:
    chart = a_chart(*(Column(str(day), (1, 1)) for day in range(14)))
    bars = list(chart.bars())
    places = sorted({bar.x for bar in bars})
    assert len(places) == 14
    assert all(place + bars[0].width <= after for place, after in pairwise(places))
    assert places[-1] + bars[0].width <= chart.width


def test_a_bar_says_what_it_is() -> None:
    (bar,) = a_chart(Column("Mon", (0, 1234.4), about=True)).bars()
    assert bar.title == "Mon, others: about 1,234"
    assert bar.look == "bar known estimated"


def test_nothing_makes_no_bars_and_no_top() -> None:
    for chart in (a_chart(), a_chart(Column("Mon", (0, 0)))):
        assert list(chart.bars()) == []
        assert chart.top is None


def test_more_series_than_looks_share_the_last() -> None:
    many = tuple(str(number) for number in range(len(LOOKS) + 2))
    chart = a_chart(Column("Mon", tuple(1.0 for _ in many)), series=many)
    assert [bar.look for bar in chart.bars()] == [*LOOKS, LOOKS[-1], LOOKS[-1]]


def test_numbers_are_whole_and_said_to_be_about_where_estimated() -> None:
    assert [amount(0), amount(1.6), amount(12345), amount(12345.2, about=True)] == [
        "0",
        "2",
        "12,345",
        "about 12,345",
    ]
