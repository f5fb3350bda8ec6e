"""Asking addresses to confirm: nobody may be made a nuisance through us."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fmn.model import Destination, DestinationState
from fmn.web.destinations import proving
from fmn.web.parts import Parts
from tests.storage.factories import a_destination
from tests.web.fakes import FakeQueues


class CountingQueues(FakeQueues):
    """Queues that count as the real ones do, by a clock of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 5, 4, tzinfo=UTC)
        self._counts: dict[tuple[str, str], tuple[datetime, int]] = {}

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        ends, used = self._counts.get((what, who), (self.now, 0))
        if ends <= self.now:
            ends, used = self.now + within, 0
        self._counts[what, who] = (ends, used + 1)
        return used < times


@pytest.fixture
def queues() -> CountingQueues:
    return CountingQueues()


def a_stranger(asker: str) -> Destination:
    """Return an address that is not the asker's."""
    there = replace(a_destination(user=asker), state=DestinationState.UNCONFIRMED)
    return replace(there, address="stranger@example.org")


async def letters_in(parts: Parts, queues: CountingQueues, hours: int) -> int:
    """Return how many letters get out while five people ask ten times an hour."""
    before = len(queues.told)
    for _ in range(hours):
        for asker in "abcde":
            for _ in range(2):
                await proving.ask(parts, a_stranger(asker))
        queues.now += timedelta(hours=1)
    return len(queues.told) - before


async def test_one_address_is_asked_ten_times_a_day_at_most(
    parts: Parts, queues: CountingQueues
) -> None:
    assert await letters_in(parts, queues, hours=1) == 5
    assert await letters_in(parts, queues, hours=23) == 5
    queues.now += timedelta(hours=1)
    assert await letters_in(parts, queues, hours=24) == 10


async def test_somebody_else_is_asked_all_the_same(parts: Parts, queues: CountingQueues) -> None:
    await letters_in(parts, queues, hours=5)
    other = replace(a_stranger("f"), address="other@example.org")
    assert await proving.ask(parts, other) == "sent"
