import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from fmn.egress.hosts import MOST_HOSTS, MOST_KEPT, Hosts
from fmn.errors import Absent

DEAD, WELL = "https://dead.example:443", "https://well.example:443"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hosts(clock: Clock) -> Hosts:
    return Hosts(at_once=40, timeout=timedelta(seconds=10), now=clock)


def most_at_once(hosts: Hosts, name: str) -> int:
    with ExitStack() as turns:
        for count in range(1000):
            try:
                turns.enter_context(hosts.turn(name))
            except Absent:
                return count
        return 1000


@contextmanager
def full(hosts: Hosts, name: str) -> Iterator[ExitStack]:
    """Take all the places of a host that has not answered; closing gives them back."""
    with ExitStack() as turns:
        for _ in range(10):
            turns.enter_context(hosts.turn(name))
        yield turns


async def waiting(hosts: Hosts, name: str, count: int) -> list[asyncio.Task[None]]:
    """Let so many wait for a place at a host."""

    async def one() -> None:
        async with hosts.place(name):
            pass

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    for _ in range(3):  # Each has come to where it waits.
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    return tasks


async def ended(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    async with asyncio.timeout(3):  # far less than the timeout of the hosts
        return await asyncio.gather(*tasks, return_exceptions=True)


def rest(hosts: Hosts, name: str) -> float:
    with pytest.raises(Absent, match=name) as absent, hosts.turn(name):
        pass
    assert absent.value.retry_after
    return absent.value.retry_after.total_seconds()


def test_a_host_has_a_share_of_the_places_until_it_answers(hosts: Hosts) -> None:
    assert most_at_once(hosts, WELL) == 10
    hosts.answered(WELL)
    assert most_at_once(hosts, WELL) == 1000


def test_one_that_stops_answering_has_its_share_again(hosts: Hosts, clock: Clock) -> None:
    hosts.answered(WELL)
    clock.now += 1.5

    assert most_at_once(hosts, WELL) == 10


def test_what_one_host_takes_is_not_taken_from_another(hosts: Hosts) -> None:
    with ExitStack() as turns:
        for _ in range(10):
            turns.enter_context(hosts.turn(DEAD))

        assert most_at_once(hosts, WELL) == 10


def test_a_busy_host_is_waited_for_and_no_attempt_is_counted(hosts: Hosts) -> None:
    with ExitStack() as turns:
        for _ in range(10):
            turns.enter_context(hosts.turn(DEAD))
        with pytest.raises(Absent, match="is busy") as absent, hosts.turn(DEAD):
            pass

    assert absent.value.longest == timedelta(days=1)
    assert timedelta() < (absent.value.retry_after or timedelta()) < timedelta(seconds=10)


async def test_who_waits_for_a_place_gets_it_when_one_is_given_back(hosts: Hosts) -> None:
    with full(hosts, WELL) as turns:
        tasks = await waiting(hosts, WELL, 30)
        turns.pop_all().close()
        assert await ended(tasks) == [None] * 30


async def test_when_the_host_answers_all_who_wait_may_go(hosts: Hosts) -> None:
    with full(hosts, WELL):
        tasks = await waiting(hosts, WELL, 30)
        hosts.answered(WELL)
        assert await ended(tasks) == [None] * 30


async def test_when_the_host_fails_nobody_waits_for_it_any_more(hosts: Hosts) -> None:
    with full(hosts, DEAD):
        tasks = await waiting(hosts, DEAD, 30)
        hosts.failed(DEAD)
        assert {type(why) for why in await ended(tasks)} == {Absent}


async def test_nobody_waits_for_a_host_that_failed_last(hosts: Hosts, clock: Clock) -> None:
    hosts.failed(DEAD)
    clock.now += 10
    with hosts.turn(DEAD):  # the one that tries it
        async with asyncio.timeout(3):
            with pytest.raises(Absent, match="is busy"):
                async with hosts.place(DEAD):
                    pass


async def test_a_host_that_does_not_answer_is_waited_for_half_the_timeout(clock: Clock) -> None:
    hosts = Hosts(at_once=40, timeout=timedelta(seconds=0.2), now=clock)
    began = asyncio.get_running_loop().time()
    with full(hosts, DEAD):
        tasks = await waiting(hosts, DEAD, 5)
        assert {type(why) for why in await ended(tasks)} == {Absent}

    assert asyncio.get_running_loop().time() - began >= 0.09


async def test_who_gives_up_waiting_takes_no_place(hosts: Hosts) -> None:
    with full(hosts, WELL):
        tasks = await waiting(hosts, WELL, 5)
        for task in tasks:
            task.cancel()
        assert {type(why) for why in await ended(tasks)} == {asyncio.CancelledError}

    assert most_at_once(hosts, WELL) == 10


def test_a_host_that_failed_rests_twice_as_long_each_time_up_to_five_minutes(
    hosts: Hosts, clock: Clock
) -> None:
    rests = []
    for _ in range(8):
        hosts.failed(DEAD)
        rests.append(rest(hosts, DEAD))
        clock.now += rests[-1]

    assert rests == [10, 20, 40, 80, 160, 300, 300, 300]


def test_after_a_rest_one_send_tries_it(hosts: Hosts, clock: Clock) -> None:
    hosts.failed(DEAD)
    clock.now += 10

    assert most_at_once(hosts, DEAD) == 1


def test_what_it_answered_before_it_failed_does_not_count(clock: Clock) -> None:
    hosts = Hosts(at_once=40, timeout=timedelta(seconds=0.1), now=clock)
    hosts.answered(DEAD)
    hosts.failed(DEAD)
    clock.now += 0.2

    assert most_at_once(hosts, DEAD) == 1


def test_an_answer_ends_all_rest(hosts: Hosts, clock: Clock) -> None:
    for _ in range(3):
        hosts.failed(DEAD)
        clock.now += 100
    hosts.answered(DEAD)
    assert most_at_once(hosts, DEAD) == 1000

    hosts.failed(DEAD)
    assert rest(hosts, DEAD) == 10


def test_what_fails_together_is_one_failure(hosts: Hosts, clock: Clock) -> None:
    for _ in range(10):
        hosts.failed(DEAD)
        clock.now += 0.1

    assert rest(hosts, DEAD) == pytest.approx(9)


def test_a_host_that_fails_for_years_overflows_nothing(hosts: Hosts, clock: Clock) -> None:
    for _ in range(5000):
        hosts.failed(DEAD)
        clock.now += 400
    hosts.failed(DEAD)

    assert rest(hosts, DEAD) == 300


def test_a_turn_is_given_back_whatever_happens(hosts: Hosts) -> None:
    for _ in range(100):
        with pytest.raises(KeyError), hosts.turn(WELL):
            raise KeyError

    assert most_at_once(hosts, WELL) == 10


def test_only_so_many_hosts_are_remembered_those_of_late(hosts: Hosts) -> None:
    hosts.failed(DEAD)
    for number in range(MOST_HOSTS - 1):
        hosts.failed(f"https://{number}.example:443")
    assert rest(hosts, DEAD) == 10  # asked for: that makes it one of late
    hosts.failed("https://one-more.example:443")

    assert rest(hosts, DEAD) == 10
    assert most_at_once(hosts, "https://0.example:443") == 10  # forgotten
    assert len(hosts._hosts) == MOST_HOSTS


def test_connections_are_kept_to_so_many_hosts_at_a_time(hosts: Hosts, clock: Clock) -> None:
    names = [f"https://{number}.example:443" for number in range(MOST_KEPT)]
    assert all(map(hosts.keeps, names))
    assert not hosts.keeps(WELL)
    assert hosts.keeps(names[0])

    clock.now += 15
    assert hosts.keeps(WELL)


def test_a_connection_in_use_is_kept_on_and_the_others_are_forgotten(
    hosts: Hosts, clock: Clock
) -> None:
    names = [f"https://{number}.example:443" for number in range(MOST_KEPT)]
    assert all(map(hosts.keeps, names))
    clock.now += 10
    assert hosts.keeps(names[0])
    clock.now += 10

    assert all(map(hosts.keeps, names[1:]))
    assert not hosts.keeps(WELL)
    assert hosts.keeps(names[0])
