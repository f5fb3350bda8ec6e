"""How much a worker takes at a time follows from what its messages cost."""

from hypothesis import given
from hypothesis import strategies as st

from fmn.queues.appetite import BUSY, Appetite

MOST = st.integers(1, 10_000)
SECONDS = st.floats(0, 1e6, allow_nan=False)
TAKES = st.lists(st.tuples(st.integers(1, 1000), SECONDS), max_size=50)


def fed(appetite: Appetite, *, cost: float, takes: int) -> Appetite:
    """Return the appetite after takes of its own size, each entry at this cost."""
    for _ in range(takes):
        appetite = appetite.after(appetite.size, appetite.size * cost)
    return appetite


@given(MOST, TAKES)
def test_it_is_never_nothing_and_never_more_than_is_allowed(
    most: int, takes: list[tuple[int, float]]
) -> None:
    appetite = Appetite(most)
    assert appetite.size == 1
    for entries, seconds in takes:
        before = appetite.size
        appetite = appetite.after(entries, seconds)
        assert 1 <= appetite.size <= min(most, 2 * before)


@given(MOST, st.floats(1e-7, 10))
def test_at_a_steady_cost_a_take_keeps_its_worker_busy_for_so_long_and_no_longer(
    most: int, cost: float
) -> None:
    size = fed(Appetite(most), cost=cost, takes=100).size
    assert size == 1 or size * cost <= BUSY * 1.000001
    assert size == most or (size + 1) * cost > BUSY * 0.999999


@given(st.floats(1e-4, 1e-2), st.floats(BUSY, 1))
def test_where_leaving_is_dear_at_least_half_of_the_time_is_work(
    cost: float, leaving: float
) -> None:
    appetite = Appetite(10_000)
    for _ in range(200):
        appetite = appetite.after(appetite.size, appetite.size * cost, leaving)
    assert appetite.size == 1 or appetite.size * cost <= leaving * 1.000001
    assert (appetite.size + 1) * cost >= 0.99 * leaving


def test_it_grows_to_a_hundred_within_eight_takes_of_what_is_cheap() -> None:
    assert fed(Appetite(100), cost=20e-6, takes=7).size == 100


@given(st.floats(1e-6, 50e-6), st.floats(5e-3, 1))
def test_it_adapts_both_ways(cheap: float, dear: float) -> None:
    full = fed(Appetite(100), cost=cheap, takes=20)
    assert full.size == 100
    modest = full.after(full.size, full.size * dear)
    assert modest.size <= 2  # one such take is enough to know
    assert fed(modest, cost=cheap, takes=200).size > 50


def test_a_dear_one_among_cheap_ones_makes_it_small_and_not_for_ever() -> None:
    """One in twenty costs twenty times as much, 4 ms in the mean: never more than two."""
    cost = 4e-3 / 1.95
    appetite, sizes = Appetite(100), set[int]()
    for number in range(400):
        appetite = appetite.after(1, cost * (20 if number % 20 == 0 else 1))
        sizes.add(appetite.size)
    assert sizes <= {1, 2}
