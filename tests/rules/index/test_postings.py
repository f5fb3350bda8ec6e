"""Postings give back what they were made of, so that the next ones can be made of them and more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fmn.rules.index.hashes import FIRST_SOUGHT
from fmn.rules.index.postings import CONDITION, Entries, Postings

SOUGHT = 5
KEYS = st.integers(-3, 3) | st.integers(0, SOUGHT - 1).map(lambda number: FIRST_SOUGHT + number)
ROWS = st.lists(st.tuples(KEYS, st.integers(0, 3), st.integers(0, 9)))

Row = tuple[int, int, int]


def entries(rows: list[Row]) -> Entries:
    keys, rests, slots = ([row[column] for row in rows] for column in range(3))
    return Entries(np.array(keys, np.int64), np.array(rests, np.uint32), np.array(slots, np.uint32))


def rows_of(of: Entries) -> list[Row]:
    return sorted(zip(of.keys.tolist(), of.rests.tolist(), of.slots.tolist(), strict=True))


@given(rules=ROWS, conditions=ROWS)
def test_entries_of_rules_come_out_again_and_conditions_do_not(
    rules: list[Row], conditions: list[Row]
) -> None:
    marked = [(key, rest | int(CONDITION), 0) for key, rest, _ in conditions]
    postings = Postings(entries(rules + marked), SOUGHT)
    assert rows_of(postings.entries) == sorted(rules)
    assert len(postings) == len(rules)


@given(rules=ROWS, conditions=ROWS, asked=st.lists(KEYS, unique=True))
def test_under_a_key_stand_its_rules_and_its_conditions(
    rules: list[Row], conditions: list[Row], asked: list[int]
) -> None:
    marked = [(key, rest | int(CONDITION), 0) for key, rest, _ in conditions]
    postings = Postings(entries(rules + marked), SOUGHT)
    hashes = np.array([key for key in asked if key < FIRST_SOUGHT], np.int64)
    numbers = np.array([key - FIRST_SOUGHT for key in asked if key >= FIRST_SOUGHT], np.intp)
    groups, rests, there = postings.under(postings.find(hashes, numbers))
    slots, starts = postings.slots(groups)
    found = zip(rests.tolist(), np.split(slots, starts[1:]) if len(groups) else [], strict=True)
    assert sorted((rest, slot) for rest, each in found for slot in each.tolist()) == sorted(
        (rest, slot) for key, rest, slot in rules if key in asked
    )
    assert set(there.tolist()) == {rest for key, rest, _ in conditions if key in asked}
