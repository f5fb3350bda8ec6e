"""Asked all at once, a message has what it has when asked one by one."""

import json
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fmn.model import Message
from fmn.rules.access import Sought, keys_of
from fmn.rules.index.seekers import Seekers
from fmn.rules.json_value import identity
from fmn.rules.sought import Begins, Equal, Exists, Expression, Limit, Pattern, Word
from tests.rules.cases import a_message
from tests.rules.index.strategies import messages, sought


def found(sought: Sequence[Sought], message: Message) -> list[int]:
    return sorted(Seekers(sought).found(message, keys_of(message)).tolist())


def one_by_one(sought: Sequence[Sought], message: Message) -> list[int]:
    return [place for place, each in enumerate(sought) if each.fits(message)]


def with_body(content: object) -> Message:
    return a_message(body=json.dumps(content).encode())


@settings(max_examples=400)
@given(st.lists(sought(), max_size=40), st.lists(messages(), min_size=1, max_size=4))
def test_all_at_once_is_one_by_one(asked: list[Sought], sent: list[Message]) -> None:
    seekers = Seekers(asked)
    for message in [*sent, *sent]:
        there = seekers.found(message, keys_of(message))
        assert there.dtype == np.uint32
        assert one_by_one(asked, message) == sorted(there.tolist())


def test_what_is_sought_twice_is_found_twice() -> None:
    asked: list[Sought] = [
        Word("ker"), Pattern("topic", "*.done"), Expression("k.r"), Expression(r"\w"),
        Equal("a", identity(1)), Begins("b", "x"), Limit("a", 1, is_least=True), Exists("a"),
    ]  # fmt: skip
    message = a_message(summary="kernel", body=b'{"a": 1, "b": "xy"}')
    assert list(range(16)) == found(asked * 2, message)


def test_of_nothing_sought_nothing_is_found() -> None:
    assert not found([], a_message(summary="kernel"))
