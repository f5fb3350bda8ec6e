"""Both ways to find hashes find the same, wherever these lie."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fmn.rules.index.hashes import FIRST_SOUGHT, MANY, Buckets, Finder, Halves, Keys, finder

LOWEST, HIGHEST = -FIRST_SOUGHT, FIRST_SOUGHT - 1
HASHES = st.integers(LOWEST, HIGHEST) | st.integers(-3, 3) | st.sampled_from([LOWEST, HIGHEST])

ways = pytest.mark.parametrize("way", [Halves, Buckets])


def some(hashes: list[int]) -> Keys:
    return np.array(hashes, np.int64)


@ways
@given(st.lists(HASHES, unique=True, max_size=200), st.lists(HASHES, max_size=50))
@example([], [0])
@example([LOWEST, -1, 0, HIGHEST], [HIGHEST, 0, -1, LOWEST, 1])
def test_what_is_there_is_found_at_its_place(
    way: Callable[[Keys], Finder], hashes: list[int], asked: list[int]
) -> None:
    there = sorted(hashes)
    asked = [*asked, *there]
    found = way(some(there)).find(some(asked))
    assert sorted(found.tolist()) == sorted(there.index(each) for each in asked if each in there)


@ways
def test_all_hashes_are_there_in_order(way: Callable[[Keys], Finder]) -> None:
    there = [LOWEST, -5, 7, HIGHEST]
    assert way(some(there)).hashes.tolist() == there


def test_many_hashes_that_begin_alike_are_found() -> None:
    there = np.arange(MANY + 1)
    assert finder(there).find(there[::1_000]).tolist() == list(range(0, MANY + 1, 1_000))
