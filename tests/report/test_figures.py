import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.errors import InputError
from fmn.report.figures import ChannelLoad, LaneLoad, Load, WorkerLoad, chi_square_tail

WEEKEND = (126_468, 126_908, 126_993, 126_372)
"""The counts of the first experiment with random channels: 506,741 messages."""

# Upper 5 %, 1 % and 0.1 % points of chi-square, from printed tables, to three decimals.
TABLE = {
    1: (3.841, 6.635, 10.828),
    2: (5.991, 9.210, 13.816),
    3: (7.815, 11.345, 16.266),
    4: (9.488, 13.277, 18.467),
    10: (18.307, 23.209, 29.588),
    30: (43.773, 50.892, 59.703),
    99: (123.225, 134.642, 148.230),
    100: (124.342, 135.807, 149.449),
}


def test_the_weekend_of_the_first_experiment() -> None:
    load = Load.of_counts(WEEKEND)
    shares = [round(load.share_percent(one), 5) for one in load.channels]
    assert shares == [24.95713, 25.04396, 25.06073, 24.93818]
    assert [round(end, 3) for end in load.band_percent] == [24.881, 25.119]
    assert round(load.max_over_mean or 0, 4) == 1.0024
    assert round(load.cv or 0, 4) == 0.0021
    assert round(load.chi_square or 0, 3) == 2.286
    assert load.degrees == 3
    assert round(load.p or 0, 3) == 0.515


def test_a_draw_worked_by_hand() -> None:
    # 100 messages, 50 expected in each: chi-square (10² + 10²) / 50 = 4, standard deviation 10.
    load = Load.of_counts([60, 40])
    assert load.chi_square == 4
    assert load.degrees == 1
    assert load.p == pytest.approx(math.erfc(math.sqrt(2)))
    assert load.max_over_mean == 1.2
    assert load.cv == pytest.approx(0.2)
    assert [load.share_percent(one) for one in load.channels] == [60, 40]
    # One channel's standard deviation is √(100 · ½ · ½) = 5 messages of 100.
    assert load.band_percent == pytest.approx((50 - 1.96 * 5, 50 + 1.96 * 5))


@pytest.mark.parametrize("degrees", TABLE)
def test_the_tail_agrees_with_printed_tables(degrees: int) -> None:
    for point, expected in zip(TABLE[degrees], (0.05, 0.01, 0.001), strict=True):
        assert chi_square_tail(point, degrees) == pytest.approx(expected, rel=2e-3)


@given(st.floats(0, 1e20), st.integers(1, 1023))
def test_the_tail_is_a_probability(statistic: float, degrees: int) -> None:
    assert 0 <= chi_square_tail(statistic, degrees) <= 1


@given(st.floats(0, 3000), st.floats(0, 3000), st.integers(1, 1023))
def test_the_tail_never_grows(one: float, other: float, degrees: int) -> None:
    low, high = sorted((one, other))
    assert chi_square_tail(low, degrees) >= chi_square_tail(high, degrees) - 1e-9


def test_the_tail_of_many_degrees_is_about_half_at_their_number() -> None:
    # The median of chi-square is degrees · (1 - 2 / (9 · degrees))³, to the fourth digit.
    for degrees in (255, 1023):
        median = degrees * (1 - 2 / (9 * degrees)) ** 3
        assert chi_square_tail(median, degrees) == pytest.approx(0.5, abs=1e-4)


def test_huge_counts_of_many_channels_are_no_trouble() -> None:
    started = time.monotonic()
    even = Load.of_counts([10**18] * 1024)
    uneven = Load.of_counts([10**18 + 10**11] * 512 + [10**18 - 10**11] * 512)
    assert (even.chi_square, even.p) == (0, 1)
    # (10¹¹)² / 10¹⁸ = 10⁴ from each of 1024 channels.
    assert uneven.chi_square == 1024 * 10**4
    assert uneven.p == 0
    assert len(uneven.as_json()["channels"]) == 1024
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([0, 0], "nothing counted"),
        ([9, 0], "fewer than 5 messages expected in a channel"),
        ([10], "fewer than 2 channels"),
        ([], "fewer than 2 channels"),
    ],
)
def test_where_p_does_not_apply_it_is_null_with_a_reason(counts: list[int], reason: str) -> None:
    load = Load(tuple(ChannelLoad(k, count) for k, count in enumerate(counts)))
    written = load.as_json()
    assert written["p"] is None
    assert written["p_reason"] == reason
    json.dumps(written, allow_nan=False)


def test_five_expected_in_each_channel_are_enough() -> None:
    written = Load.of_counts([10, 0]).as_json()
    assert written["p"] == pytest.approx(math.erfc(math.sqrt(5)))
    assert "p_reason" not in written


def test_a_share_cannot_be_less_than_nothing_or_more_than_all() -> None:
    assert Load.of_counts([1, 0]).band_percent == (0, 100)
    assert Load.of_counts([0, 0]).band_percent == (0, 100)


@pytest.mark.parametrize("counts", [[], [1], [1, -1], [1, 2**63]])
def test_counts_that_no_channels_can_have_are_refused(counts: list[int]) -> None:
    with pytest.raises(InputError):
        Load.of_counts(counts)


def test_the_report_for_machines_has_the_promised_form() -> None:
    load = Load(
        (ChannelLoad(0, 60), ChannelLoad(3, 40)),
        (WorkerLoad("w1", 100, 1.5, 0.25, None, 7),),
        (LaneLoad("email", 1, 2, 7, 3, 4, 5, 6),),
    )
    band = [pytest.approx(40.2), pytest.approx(59.8)]
    assert load.as_json() == {
        "channels": [
            {"channel": 0, "messages": 60, "share_percent": 60.0, "band_percent": band},
            {"channel": 3, "messages": 40, "share_percent": 40.0, "band_percent": band},
        ],
        "workers": [
            {
                "worker": "w1",
                "messages": 100,
                "busy_seconds": 1.5,
                "wait_p50": 0.25,
                "wait_p99": None,
                "helped": 7,
            }
        ],
        "lanes": [
            {
                "lane": "email",
                "waiting": 1,
                "retrying": 2,
                "held": 7,
                "sent": 3,
                "suppressed": 4,
                "failed": 5,
                "dead": 6,
            }
        ],
        "max_over_mean": 1.2,
        "cv": pytest.approx(0.2),
        "chi_square": 4.0,
        "degrees": 1,
        "p": pytest.approx(0.0455, abs=1e-5),
    }


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=40))
def test_the_figures_hang_together(counts: list[int]) -> None:
    load = Load.of_counts(counts)
    written = load.as_json()
    json.dumps(written, allow_nan=False)
    if load.messages:
        total = math.fsum(one["share_percent"] for one in written["channels"])
        assert total == pytest.approx(100)
        assert written["max_over_mean"] >= 1
        assert written["chi_square"] == pytest.approx(load.messages * written["cv"] ** 2)
