"""What arrives in the benchmark, and the waits that theory expects of it."""

from statistics import mean

import pytest

from fmn.bench.arrivals import CHEAP, MEAN, SCV, arrivals, wait_alone, wait_together


def test_one_in_twenty_costs_twenty_times_as_much_and_all_cost_4_ms_in_the_mean() -> None:
    costs = [arrival.cost for arrival in arrivals(7, 100_000, workers=4, load=0.7)]
    dear = max(costs)
    assert sorted({round(cost / CHEAP) for cost in costs}) == [1, 20]
    assert costs.count(dear) / len(costs) == pytest.approx(0.05, rel=0.05)
    assert mean(costs) == pytest.approx(MEAN, rel=0.05)


def test_they_come_at_a_rate_that_keeps_the_workers_at_the_load() -> None:
    coming = arrivals(7, 100_000, workers=4, load=0.7)
    moments = [arrival.at for arrival in coming]
    assert moments == sorted(moments)
    assert sum(arrival.cost for arrival in coming) / (4 * moments[-1]) == pytest.approx(
        0.7, rel=0.05
    )


def test_a_seed_means_the_same_arrivals_and_another_seed_others() -> None:
    one, again, other = (arrivals(seed, 50, workers=4, load=0.7) for seed in (1, 1, 2))
    assert one == again != other


def test_theory_says_what_it_is_known_to_say() -> None:
    """M/G/1 at 70 % waits 6.43 service times here; M/M/4 waits 0.357 where M/M/1 waits 2.333."""
    assert pytest.approx(4.51, abs=0.01) == SCV
    assert wait_alone(0.7) / MEAN == pytest.approx(6.43, abs=0.01)
    by_chance_only = 2 / (1 + SCV)
    assert wait_alone(0.7) / MEAN * by_chance_only == pytest.approx(2.333, abs=0.001)
    assert wait_together(4, 0.7) / MEAN * by_chance_only == pytest.approx(0.357, abs=0.001)
    assert wait_together(4, 0.9) / MEAN * by_chance_only == pytest.approx(1.969, abs=0.001)


def test_a_queue_for_one_is_the_same_together_or_alone() -> None:
    assert wait_together(1, 0.7) == pytest.approx(wait_alone(0.7))
