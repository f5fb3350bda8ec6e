from collections.abc import Iterable
from typing import Any

import pytest

from fmn.model import Message, Ownership
from fmn.rules.me import Me
from tests.rules.cases import ALICE, a_filter, a_message, refused


def kernel(users: Iterable[str] = (), groups: Iterable[str] = ()) -> Message:
    owned = Ownership("rpms/kernel", frozenset(users), frozenset(groups))
    return a_message(artifacts=frozenset({"rpms/kernel"}), owners=(owned,))


@pytest.mark.parametrize(
    ("arguments", "message", "expected"),
    [
        ({"users": ["bob"]}, kernel(users={"bob"}), True),
        ({"users": ["bob"]}, kernel(users={"alice"}), False),
        ({"users": ["me"]}, kernel(users={"alice"}), True),
        ({"users": ["me"]}, kernel(users={"bob"}), False),
        ({"users": ["me"]}, kernel(users={"me"}), False),
        ({"users": ["Bob"]}, kernel(users={"bob"}), False),
        ({"groups": ["rust-sig"]}, kernel(groups={"rust-sig"}), True),
        ({"groups": ["mine"]}, kernel(groups={"kernel-sig"}), True),
        ({"groups": ["mine"]}, kernel(groups={"rust-sig"}), False),
        ({"groups": ["mine"]}, kernel(groups={"mine"}), False),
        # Directly owned: a group of alice that owns it does not make it hers.
        ({"users": ["me"]}, kernel(groups={"kernel-sig"}), False),
        ({"groups": ["bob"]}, kernel(users={"bob"}), False),
        ({"users": ["me"], "groups": ["mine"]}, kernel(users={"alice"}), True),
        ({"users": ["me"], "groups": ["mine"]}, kernel(groups={"python-sig"}), True),
        ({"users": ["me"], "groups": ["mine"]}, kernel(users={"bob"}), False),
        ({"users": ["me"]}, a_message(artifacts=frozenset({"rpms/kernel"})), False),
        ({"users": ["me"]}, a_message(), False),
    ],
)
def test_an_artifact_is_owned_by_one_of_the_users_or_groups(
    arguments: dict[str, Any], message: Message, expected: bool
) -> None:
    assert expected is a_filter("owner", **arguments).matches(message, ALICE)


def test_one_owned_artifact_of_many_is_enough() -> None:
    message = a_message(
        owners=(
            Ownership("rpms/glibc", users=frozenset({"bob"})),
            Ownership("rpms/kernel", users=frozenset({"alice"})),
        )
    )
    assert a_filter("owner", users=["me"]).matches(message, ALICE)


def test_nobody_is_in_no_group() -> None:
    lonely = Me("charlie", frozenset())
    assert not a_filter("owner", groups=["mine"]).matches(kernel(groups={"a", "mine"}), lonely)


def test_users_or_groups_are_needed() -> None:
    assert "expected `users` and/or `groups`" in refused("owner")
    assert "at least 1" in refused("owner", users=[])
    assert "at least 1" in refused("owner", users=["me"], groups=[])


def test_the_artifact_and_its_owner_decide() -> None:
    found = a_filter("owner", users=["me"], groups=["mine"])
    message = kernel(users={"alice", "bob"}, groups={"kernel-sig"})
    assert found.deciding(message, ALICE) == ("rpms/kernel: alice", "rpms/kernel: group kernel-sig")
    assert found.deciding(kernel(users={"bob"}), ALICE) == ("rpms/kernel",)
