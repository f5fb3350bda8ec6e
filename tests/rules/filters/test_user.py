import pytest

from fmn.rules.me import Me
from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("users", "mentioned", "expected"),
    [
        (["bob"], {"bob", "charlie"}, True),
        (["bob"], {"charlie"}, False),
        (["bob", "charlie"], {"charlie"}, True),
        (["Bob"], {"bob"}, False),
        (["bo*"], {"bob"}, False),
        (["me"], {"alice"}, True),
        (["me"], {"bob"}, False),
        (["me"], {"me"}, False),
        (["alice"], {"alice"}, True),
        (["me"], set(), False),
    ],
)
def test_one_of_the_users_is_mentioned(
    users: list[str], mentioned: set[str], expected: bool
) -> None:
    message = a_message(users=frozenset(mentioned))
    assert expected is a_filter("user", users=users).matches(message, ALICE)


def test_the_agent_is_not_mentioned_by_that_alone() -> None:
    assert not a_filter("user", users=["me"]).matches(a_message(agent="alice"), ALICE)


def test_me_is_whoever_owns_the_rule() -> None:
    mine = a_filter("user", users=["me"])
    message = a_message(users=frozenset({"bob"}))
    assert mine.matches(message, Me("bob", frozenset()))
    assert not mine.matches(message, ALICE)
    assert mine.matches(a_message(users=frozenset({"me"})), Me("me", frozenset()))


@pytest.mark.parametrize("users", [[], "bob", [1], [True], [None], None, {"bob": 1}])
def test_users_are_a_list_of_strings(users: object) -> None:
    assert refused("user", users=users)


def test_users_are_needed() -> None:
    assert "Field required" in refused("user")


def test_many_names_on_both_sides_are_no_burden() -> None:
    many = a_filter("user", users=[f"user-{n}" for n in range(1000)])
    others = frozenset(f"other-{n}" for n in range(10_000))
    assert not many.matches(a_message(users=others), ALICE)
    assert many.matches(a_message(users=others | {"user-999"}), ALICE)


def test_what_decides_is_short_enough_for_a_page() -> None:
    users = frozenset(f"{n:04}-{'x' * 1000}" for n in range(1000))
    shown = a_filter("user", users=["bob"]).deciding(a_message(users=users), ALICE)
    assert len(shown) == 5
    assert all(len(value) <= 80 for value in shown)
    assert a_filter("user", users=["bob"]).deciding(a_message(users=users | {"bob"}), ALICE) == (
        "bob",
    )
