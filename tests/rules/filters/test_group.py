import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("groups", "mentioned", "expected"),
    [
        (["rust-sig"], {"rust-sig", "go-sig"}, True),
        (["rust-sig"], {"go-sig"}, False),
        (["Rust-sig"], {"rust-sig"}, False),
        (["mine"], {"kernel-sig"}, True),
        (["mine"], {"rust-sig"}, False),
        (["mine"], {"mine"}, False),
        (["mine", "rust-sig"], {"rust-sig"}, True),
        (["me"], {"alice"}, False),
        (["mine"], set(), False),
    ],
)
def test_one_of_the_groups_is_mentioned(
    groups: list[str], mentioned: set[str], expected: bool
) -> None:
    message = a_message(groups=frozenset(mentioned))
    assert expected is a_filter("group", groups=groups).matches(message, ALICE)


def test_groups_are_needed() -> None:
    assert "Field required" in refused("group")
    assert "at least 1" in refused("group", groups=[])


def test_the_group_decides() -> None:
    message = a_message(groups=frozenset({"kernel-sig", "rust-sig"}))
    assert a_filter("group", groups=["mine"]).deciding(message, ALICE) == ("kernel-sig",)
    assert a_filter("group", groups=["x"]).deciding(message, ALICE) == ("kernel-sig", "rust-sig")
