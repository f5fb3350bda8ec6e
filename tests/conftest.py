"""What every test may ask for, and the last word of a run: how much of it was real."""

import pytest
from hypothesis import HealthCheck, settings

# How fast values are made says how busy the machine is; no time ever fails a test.
settings.register_profile("fmn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fmn")

REAL = {"redis_url", "valkey", "rabbitmq", "postgres", "ngircd", "smtp"} | {
    "inspircd",
    "postfix",
    "push_service",
    "chats",
    "synapse",
}
"""Fixtures that are real servers."""

LONGEST = ("tests/test_", "tests/faults/", "tests/cli/", "tests/processes/")
"""Those that start whole systems: they come first, so that none runs alone at the end."""

pytest_plugins = [
    "tests.peers.rabbitmq",
    "tests.peers.postgres",
    "tests.peers.database",
    "tests.peers.ngircd",
    "tests.peers.smtp",
    "tests.peers.redis",
    "tests.peers.inspircd",
    "tests.peers.postfix",
    "tests.peers.push",
    "tests.peers.chat",
    "tests.peers.synapse",
    "tests.peers.http",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if REAL & fixtures or item.get_closest_marker("real"):
            item.user_properties.append(("real", "yes"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.stats.get("passed", [])
    # What comes from another process of the run has lost its tuples.
    real = sum(("real", "yes") in map(tuple, report.user_properties) for report in passed)
    terminalreporter.write_line(f"{real} of {len(passed)} passed tests ran against real services")
