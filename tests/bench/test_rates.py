import asyncio

from fmn.bench.figure import at_least, at_most, no_less, no_more, plain
from fmn.bench.rates import Rate, alternating, once, per_second


def test_a_rate_is_its_middle_round_and_its_noise_half_the_span() -> None:
    rate = Rate((90.0, 120.0, 100.0))
    assert rate.median == 100.0
    assert rate.noise == 0.15


def test_a_rate_over_another_goes_round_by_round() -> None:
    assert Rate((10.0, 30.0)).over(Rate((5.0, 10.0))) == Rate((2.0, 3.0))


def test_an_aim_is_reached_or_missed_by_the_middle_round() -> None:
    ours, theirs = Rate((1.0, 2.0, 9.0)), Rate((4.0, 4.0, 4.0))
    assert [at_least("x", ours, theirs, aim).reached for aim in (0.5, 0.6)] == [True, False]
    assert [at_most("x", ours, theirs, aim).reached for aim in (0.5, 0.4)] == [True, False]
    assert at_most("x", ours, theirs, 0.5, 0.3).limit == 0.3
    assert plain("x", ours, "ms").target == ""
    assert [no_more("x", ours, "ms", aim).reached for aim in (2, 1.5)] == [True, False]
    assert [no_less("x", ours, "ms", aim).reached for aim in (2, 2.5)] == [True, False]
    assert no_less("x", ours, "ms", 3_500).target == "≥ 3,500"


def test_what_was_measured_once_has_no_noise() -> None:
    assert (once(5.0).median, once(5.0).noise) == (5.0, 0)
    assert once(0.0).noise == 0


async def test_what_is_measured_is_done_so_often_and_so_many_at_once() -> None:
    done, under_way, most = 0, 0, 0

    async def once() -> None:
        nonlocal done, under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        done += 1

    assert await per_second(once, times=10, at_once=3) > 0
    assert (done, most) == (10, 3)


async def test_measures_take_turns() -> None:
    order = list[str]()

    async def measure(name: str, rate: float) -> float:
        order.append(name)
        return rate

    rates = await alternating(2, lambda: measure("a", 1.0), lambda: measure("b", 2.0))
    assert order == ["a", "b", "a", "b"]
    assert rates == [Rate((1.0, 1.0)), Rate((2.0, 2.0))]
