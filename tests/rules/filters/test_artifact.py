from typing import Any

import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("arguments", "artifacts", "expected"),
    [
        ({"types": ["rpms"]}, {"rpms/kernel"}, True),
        ({"types": ["rpms"]}, {"containers/kernel"}, False),
        ({"types": ["RPMS"]}, {"rpms/kernel"}, False),
        ({"types": ["rpm*"]}, {"rpms/kernel"}, False),  # only names are globs
        ({"types": ["modules", "rpms"]}, {"rpms/kernel"}, True),
        ({"names": ["kernel"]}, {"rpms/kernel"}, True),
        ({"names": ["kernel"]}, {"containers/kernel"}, True),
        ({"names": ["Kernel"]}, {"rpms/kernel"}, False),
        ({"names": ["kern"]}, {"rpms/kernel"}, False),
        ({"names": ["kern*"]}, {"rpms/kernel"}, True),
        ({"names": ["rpms/kernel"]}, {"rpms/kernel"}, False),  # the type is not in the name
        ({"names": ["a/b"]}, {"containers/a/b"}, True),  # the first slash divides
        ({"types": ["containers/a"]}, {"containers/a/b"}, False),
        ({"types": ["containers"], "names": ["a/*"]}, {"containers/a/b"}, True),
        # Type and name must be those of one artifact.
        ({"types": ["rpms"], "names": ["b"]}, {"rpms/a", "modules/b"}, False),
        ({"types": ["rpms"], "names": ["b"]}, {"rpms/a", "rpms/b"}, True),
        ({"names": ["*"]}, set(), False),
        ({"types": ["rpms"]}, set(), False),
    ],
)
def test_one_artifact_has_the_type_and_the_name(
    arguments: dict[str, Any], artifacts: set[str], expected: bool
) -> None:
    message = a_message(artifacts=frozenset(artifacts))
    assert expected is a_filter("artifact", **arguments).matches(message, ALICE)


def test_types_or_names_are_needed() -> None:
    assert "expected `types` and/or `names`" in refused("artifact")
    assert "at least 1" in refused("artifact", types=[])
    assert "at least 1" in refused("artifact", types=["rpms"], names=[])


def test_the_artifact_decides() -> None:
    message = a_message(artifacts=frozenset({"rpms/a", "rpms/b", "modules/c"}))
    rpms = a_filter("artifact", types=["rpms"])
    assert rpms.deciding(message, ALICE) == ("rpms/a", "rpms/b")
    other = a_filter("artifact", types=["flatpaks"])
    assert other.deciding(message, ALICE) == ("modules/c", "rpms/a", "rpms/b")
