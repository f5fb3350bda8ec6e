import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("users", "agent", "expected"),
    [
        (["bob"], "bob", True),
        (["bob"], "charlie", False),
        (["Bob"], "bob", False),
        (["me"], "alice", True),
        (["me"], "bob", False),
        (["me"], "me", False),
        (["me", "bob"], "bob", True),
        (["bob"], None, False),
        ([""], "", False),  # empty is absent
    ],
)
def test_one_of_the_users_did_it(users: list[str], agent: str | None, expected: bool) -> None:
    assert expected is a_filter("agent", users=users).matches(a_message(agent=agent), ALICE)


def test_being_mentioned_is_not_doing_it() -> None:
    message = a_message(agent="bob", users=frozenset({"alice"}))
    assert not a_filter("agent", users=["me"]).matches(message, ALICE)


def test_an_unknown_agent_is_nobody_so_not_me() -> None:
    assert a_filter("agent", users=["me"], negate=True).holds(a_message(), ALICE)


def test_users_are_needed() -> None:
    assert "Field required" in refused("agent")
    assert "at least 1" in refused("agent", users=[])


def test_the_agent_decides() -> None:
    found = a_filter("agent", users=["me"])
    assert found.deciding(a_message(agent="bob"), ALICE) == ("bob",)
    assert found.deciding(a_message(), ALICE) == ()
