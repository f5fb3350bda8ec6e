from typing import Any

import pytest

from fmn.model import Severity
from tests.rules.cases import ALICE, a_filter, a_message, refused

LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"at_least": "debug"}, ["debug", "info", "warning", "error"]),
        ({"at_least": "info"}, ["info", "warning", "error"]),
        ({"at_least": "warning"}, ["warning", "error"]),
        ({"at_least": "error"}, ["error"]),
        ({"in_": ["debug", "error"]}, ["debug", "error"]),
        ({"in_": ["info"]}, ["info"]),
    ],
)
def test_the_severity_is_at_least_that_or_one_of_them(
    arguments: dict[str, Any], expected: list[str]
) -> None:
    asked = a_filter("severity", **arguments)
    messages = {level: a_message(severity=Severity[level.upper()]) for level in LEVELS}
    assert expected == [level for level in LEVELS if asked.matches(messages[level], ALICE)]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"at_least": "info", "in_": ["info"]},
        {"at_least": "debug", "in_": ["info"]},
        {"in_": []},
        {"at_least": "fatal"},
        {"at_least": "Info"},
        {"at_least": 30},
        {"at_least": None},
        {"in_": "info"},
        {"in_": ["fatal"]},
    ],
)
def test_exactly_one_of_both_and_only_known_severities(arguments: dict[str, Any]) -> None:
    assert refused("severity", **arguments)


def test_the_severity_decides() -> None:
    message = a_message(severity=Severity.WARNING)
    assert a_filter("severity", at_least="error").deciding(message, ALICE) == ("warning",)
