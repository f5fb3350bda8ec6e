import pytest

from fmn.report.drawing import draw_load
from fmn.report.figures import ChannelLoad, LaneLoad, Load, WorkerLoad
from tests.report.terminal import drawn


def test_the_weekend_of_the_first_experiment_is_a_fair_pick() -> None:
    text = drawn(draw_load(Load.of_counts([126_468, 126_908, 126_993, 126_372])))
    rows = [line.split() for line in text.splitlines()]
    bar = "#" * 16
    assert ["0", "126,468", bar, "24.957", "24.881-25.119", "inside"] in rows
    assert ["1", "126,908", bar, "25.044", "24.881-25.119", "inside"] in rows
    assert ["2", "126,993", bar, "25.061", "24.881-25.119", "inside"] in rows
    assert ["3", "126,372", bar, "24.938", "24.881-25.119", "inside"] in rows
    assert "max ÷ mean 1.002" in text
    assert "chi-square 2.286, 3 degrees, p = 0.515" in text
    assert "Of 100 fair runs 52 are at least this uneven: this looks like a fair pick." in text


def test_a_channel_outside_the_band_is_called_so() -> None:
    text = drawn(draw_load(Load.of_counts([60, 40])))
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "60", "#" * 16, "60.000", "40.200-59.800", "outside"] in rows
    assert ["1", "40", "#" * 11, "40.000", "40.200-59.800", "outside"] in rows
    assert "Of 100 fair runs 5 are" in text
    assert "comes once in 20 fair runs" in " ".join(text.split())


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([1000, 0], "Of 100 fair runs fewer than 1 are"),
        ([1000, 1000, 1000], "A random pick is rarely so even."),
        ([1, 1], "p n/a: fewer than 5 messages expected in a channel"),
        ([0, 0], "No figures: nothing counted."),
        ([0, 0], "cannot be said"),
    ],
)
def test_what_the_figures_mean_is_said(counts: list[int], said: str) -> None:
    assert said in " ".join(drawn(draw_load(Load.of_counts(counts))).split())


def test_workers_and_lanes_stand_below() -> None:
    load = Load(
        (ChannelLoad(0, 5),),
        (WorkerLoad("w[red]1", 1200, 3.25, 0.0125, None, 7),),
        (LaneLoad("email", 1, 2, 7, 3, 4, 5, 6),),
    )
    rows = [line.split() for line in drawn(draw_load(load)).splitlines()]
    assert ["w[red]1", "1,200", "3.250", "12.500", "n/a", "7"] in rows
    assert ["email", "1", "2", "7", "3", "4", "5", "6"] in rows


def test_nothing_is_wider_than_eighty_columns_and_nothing_is_left_out() -> None:
    workers = (WorkerLoad("worker-" + "x" * 60, 10**18, 1e9, 1e5, 1e5, 10**18),)
    lanes = (LaneLoad("email", *[10**15] * 7),)
    load = Load((ChannelLoad(0, 10**18), ChannelLoad(1, 2 * 10**18)), workers, lanes)
    text = drawn(draw_load(load))
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("x") >= 60
