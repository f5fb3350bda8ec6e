"""The plan holds what its form promises, whatever the seed."""

from collections import Counter
from random import Random

import pytest

from fmn.queues.life import SILENCE
from tests.chaos.plan import (
    FORMS,
    LEASE,
    LONG,
    PROCESSES,
    SHORT,
    Fault,
    Form,
    What,
    plan,
    portions,
    short_of,
)


def test_the_short_form_has_what_was_promised() -> None:
    assert SHORT.messages == 10_000
    assert SHORT.refusals == 5
    assert sum(SHORT.kills.values()) >= 6
    assert set(SHORT.kills) == set(PROCESSES)
    assert SHORT.crashes == {"redis": 1, "postgres": 1}
    assert SHORT.cuts == (("consumer", "rabbitmq"),)
    assert SHORT.stops == ("worker",)
    assert SHORT.busy == 10


def test_the_long_form_has_what_was_promised() -> None:
    assert LONG.messages == 100_000
    assert LONG.refusals > 0
    assert sum(LONG.kills.values()) >= 20
    assert set(LONG.kills) == set(PROCESSES)
    assert LONG.crashes == {"redis": 2, "postgres": 2, "rabbitmq": 2}
    assert LONG.stops == ("worker", "sender")
    assert set(LONG.partitions) == {("sender", "redis"), ("worker", "redis")}
    assert LONG.busy == 30
    assert sum(LONG.lost_answers) > 0


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("seed", range(20))
def test_a_plan_is_all_of_its_form_in_an_order_of_the_seed(form: Form, seed: int) -> None:
    drawn = plan(Random(seed), form)
    assert short_of(form, drawn) == []
    assert plan(Random(seed), form) == drawn
    assert plan(Random(seed + 1), form) != drawn
    assert all(fault.seconds > LEASE for fault in drawn if fault.what is What.STOP)


def test_the_lease_is_that_of_the_processes() -> None:
    assert LEASE == SILENCE


def test_what_a_form_is_short_of_is_said() -> None:
    drawn = plan(Random(1), SHORT)
    without = [fault for fault in drawn if fault != Fault(What.CRASH, "redis", pause=fault.pause)]
    assert len(without) == len(drawn) - 1
    assert short_of(SHORT, without) == ["crash of redis: 0 of 1"]


@pytest.mark.parametrize("seed", range(20))
def test_portions_are_all_there_is_and_none_of_them_small(seed: int) -> None:
    sizes = portions(Random(seed), 10_000, 15)
    assert sum(sizes) == 10_000
    assert len(sizes) == 15
    assert min(sizes) > 10_000 / 15 / 4
    assert Counter(sizes) != Counter([10_000 // 15] * 15)
