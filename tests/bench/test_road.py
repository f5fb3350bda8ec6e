"""The benchmark runs, and measures what it says; how fast is no matter of a test."""

from pathlib import Path

import pytest

from fmn.bench.arrivals import arrivals
from fmn.bench.helping import Way, mean_wait, with_help, without_help
from fmn.bench.passage import messages_per_second
from fmn.bench.road import Plan, measured
from fmn.queues.connection import connect
from fmn.queues.embedded import embedded
from fmn.queues.figures import figures
from fmn.report.gathered import ledger_of

SMALL = Plan(rounds=1, passing=30, waiting=30)


@pytest.mark.real
async def test_it_measures_the_road_and_the_waits() -> None:
    said = list[str]()
    measures = await measured(SMALL, said.append)

    assert said == [
        "calibration",
        *("passage, always", "passage, everysec"),
        *("wait, with help", "wait, without"),
        *("stopped, with help", "stopped, without"),
    ]
    assert [figure.what for figure in measures if not figure.target] == [
        "this machine",
        *("passage, everysec", "passage, always"),
        *("wait with help", "wait without"),
        *("stopped with help", "stopped without"),
    ]
    aims = {figure.what: figure.target for figure in measures if figure.target}
    assert aims == {
        "always ÷ everysec": "≥ 0.25",
        "wait: with ÷ without": "≤ 0.25",
        "stopped: with ÷ without": "≤ 0.25",
    }
    assert all(figure.value > 0 for figure in measures)


@pytest.mark.real
async def test_what_passed_went_all_the_way(tmp_path: Path) -> None:
    async with embedded(tmp_path, appendfsync="always") as url:
        assert await messages_per_second(url, tmp_path / "m.jsonl", 50, "a") > 0
        async with connect(url) as connection:
            assert await connection.do("CONFIG", "GET", "appendfsync") == [
                b"appendfsync",
                b"always",
            ]
            ledger = ledger_of(await figures(connection))
    assert ledger.balanced
    assert (ledger.messages.taken, ledger.messages.handled) == (50, 50)
    assert (ledger.notifications.made, ledger.notifications.sent) == (50, 50)


@pytest.mark.real
async def test_with_help_all_is_done_by_the_others_and_without_help_by_each_its_own(
    tmp_path: Path,
) -> None:
    """One of two is stopped: the other does what is on both channels, or all would wait for it."""
    coming = arrivals(1, 40, workers=1, load=0.7)
    async with embedded(tmp_path) as url:
        helped, alone = with_help(url, 2), without_help(url, 2)
        assert await mean_wait(helped, coming, stopped=1) > 0
        assert await mean_wait(alone, coming) > 0
        [together] = await handled(helped)
        one, other = await handled(alone)
    assert (together, one + other) == (40, 40)
    assert 0 < one < 40  # by chance: once in 10^12 all of it is on one side


async def handled(way: Way) -> list[int]:
    """Return how many messages were handled in each database."""
    counts = list[int]()
    for database in way.databases:
        async with connect(way.of(database)) as connection:
            stand = await figures(connection)
            counts.append(sum(figure.counts["handled"] for figure in stand))
    return counts
