"""Asked all at once, a message has what it has when asked one by one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmn.model import Message
from fmn.rules.access import Sought, keys_of
from fmn.rules.index.seekers import Seekers
from fmn.rules.json_value import identity
from fmn.rules.sought import Begins, Equal, Exists, Expression, Limit, Pattern, Word
from tests.rules.cases import a_message
from tests.rules.index.strategies import messages, sought


def found(asked: Sequence[Sought], message: Message) -> list[int]:
    return sorted(Seekers(asked).found(message, keys_of(message)).tolist())


def one_by_one(asked: Sequence[Sought], message: Message) -> list[int]:
    return [place for place, each in enumerate(asked) if each.fits(message)]


def with_body(content: object) -> Message:
    return a_message(body=json.dumps(content).encode())


@settings(max_examples=200, deadline=None)
@given(st.lists(sought(), max_size=40), st.lists(messages(), min_size=1, max_size=4))
def test_all_at_once_is_one_by_one(asked: list[Sought], sent: list[Message]) -> None:
    seekers = Seekers(asked)
    for message in [*sent, *sent]:
        there = seekers.found(message, keys_of(message))
        assert there.dtype == np.intp
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


@pytest.mark.parametrize(
    ("word", "summary", "text", "expected"),
    [
        ("", "a", "", True),
        ("", "", "", False),
        ("strasse", "STRAßE", "", True),
        ("i\u0307", "\u0130", "", True),
        ("s", "\u017f", "", True),
        ("\ud83d", "\ud83d\ude00", "", True),
        ("\ud83d", "\U0001f600", "", False),
        ("\U0001f600", "\ud83d\ude00", "", False),
        ("\ud83d", "?", "", False),
        ("?", "\ud83d", "", False),
        ("a\0b", "A\0B", "", True),
        ("ab", "a", "b", False),
        ("b", "a", "ab", True),
        ("\u00ff", "\u00ff", "", True),
    ],
)
def test_a_word_stands_in_a_text_or_not(word: str, summary: str, text: str, expected: bool) -> None:
    message = a_message(summary=summary, text=text)
    assert expected is bool(found([Word(word), Word("never")], message))
    assert expected is Word(word).fits(message)


def test_a_path_leads_through_every_list_of_lists() -> None:
    asked = [Equal("a[].b[]", identity(number)) for number in range(5)]
    asked += [Equal("c[][]", identity(number)) for number in range(5)]
    content = {"a": [{"b": [0]}, {"b": 1}, {"b": [2, 3]}, 4], "c": [[0], 1, [2, [3]], [4]]}
    assert found(asked, with_body(content)) == [0, 2, 3, 5, 7, 9]


@pytest.mark.parametrize("at", [0, 1, 16_383, 16_384, 16_385, 40_000, 65_530, 99_990])
def test_a_word_is_found_wherever_it_stands_in_a_long_text(at: int) -> None:
    words = [Word("kernel"), Word("l" * 9_000), Word("ernel"), Word("k" * 20_000)]
    text = "x" * at + "kernel" + "x" * (100_000 - at)
    assert found(words, a_message(text=text)) == [0, 2]


def test_words_as_long_as_they_may_be_are_no_burden() -> None:
    words = [Word(f"{number:03}" * 3_333) for number in range(500)]
    words += [Word("x" + word.text) for word in words]
    assert found(words, a_message(text=words[77].text)) == [77]


def test_long_words_are_found_in_a_long_text() -> None:
    words = [Word("l" * 9_000), Word("k" * 20_000), Word("k" * 20_001)]
    text = "x" * 10_000 + "k" * 20_000 + "x" * 10_000 + "l" * 9_000
    assert found(words, a_message(text=text)) == [0, 1]


def test_a_thousand_words_that_all_end_alike_are_no_burden() -> None:
    words = [Word("a" * length) for length in range(1, 1_000)] + [Word("b" + "a" * 20)]
    assert list(range(999)) == found(words, a_message(text="a" * 1024 * 1024))
    assert list(range(500)) == found(words, a_message(text="a" * 500))
    assert [*range(20), 999] == found(words, a_message(text="b" + "a" * 20))


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        ("(a", "(a", False),
        ("", "a", True),
        ("", "", False),
        ("(?i)k", "\u212a", True),
        ("(?i)s", "\u017f", True),
        ("k", "\u212a", False),
        ("(?i)ß", "\u1e9e", True),
        ("\ufffd", "\ud83d", True),
        ("a\0b", "a\0b", True),
        ("^b", "a\nb", False),
        ("(?m)^b", "a\nb", True),
        (r"\x61b", "ab", True),
        (r"\Qa.b\E", "a.b", True),
        ("(fail|error)s?", "errors", True),
        ("(fail|)", "errors", True),
        ("kernel{0}s", "kernes", True),
    ],
)
def test_a_regular_expression_is_found_or_not(regex: str, text: str, expected: bool) -> None:
    message = a_message(text=text)
    assert expected is bool(found([Expression(regex), Expression("never")], message))
    assert expected is Expression(regex).fits(message)


def test_many_regular_expressions_that_need_the_same_text() -> None:
    asked = [Expression(f"fail[0-{digit}]{{{more}}}") for digit in range(10) for more in (1, 2, 3)]
    message = a_message(summary="fail13", text="fail5")
    assert one_by_one(asked, message) == found(asked, message)


@pytest.mark.parametrize(
    ("path", "value", "content", "expected"),
    [
        ("a", 1, {"a": 1.0}, True),
        ("a", 1, {"a": True}, False),
        ("a", "1", {"a": 1}, False),
        ("a", None, {"a": None}, True),
        ("a", [1, {"b": 2}], {"a": [1.0, {"b": 2}]}, True),
        ("a", "[1]", {"a": [1]}, False),
        ("a[].b", 2, {"a": [{"b": 1}, 3, {"b": 2}]}, True),
        ("a[][]", 2, {"a": [[1], 2]}, False),
        (r"a\.b", 1, {"a.b": 1}, True),
        ("", 1, {"": 1}, True),
        ("[]", 1, {"": [1]}, True),
        ("a", 1, [{"a": 1}], False),
        ("a", "\ud83d", {"a": "\ud83d"}, True),
    ],
)
def test_a_value_is_equal_or_not(path: str, value: object, content: object, expected: bool) -> None:
    equal = Equal(path, identity(value))
    asked: list[Sought] = [equal, Equal(path, identity("never")), Exists("never")]
    assert expected is bool(found(asked, with_body(content)))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", b"nul", b"null", b"NaN", b'{"a": NaN, "b": -Infinity}',
        b'{"a": 1e999999999999999999}', b'{"a": 1e99999999999999999999}',
        b'{"a": ' + b"9" * 100_000 + b"}", b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}",
        b"[" * 1024 * 1024, b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"a": [' + b"1," * 50_000 + b"1]}", b'{"a": "' + b"x" * 1024 * 1024 + b'"}',
    ],
)  # fmt: skip
def test_no_body_is_too_much(body: bytes) -> None:
    paths = ["a", "a[]", "b", ".".join(["a"] * 200), "a" + "[]" * 50, "a" + "[]" * 4_000]
    asked: list[Sought] = [Exists(path) for path in paths]
    asked += [Begins(path, "xx") for path in paths] + [Begins("a", "")]
    asked += [Equal(path, identity(1)) for path in paths] + [Equal("a", identity([[]]))]
    asked += [Limit(path, Decimal("1e5"), is_least=True) for path in paths]
    asked += [Limit(path, 1, is_least=False) for path in paths]
    message = a_message(body=body)
    assert one_by_one(asked, message) == found(asked, message)


def test_a_text_begins_with_itself_and_with_nothing() -> None:
    starts = ["", "k", "kernel", "kernels", "K", "ernel"]
    asked = [Begins("a[]", start) for start in starts]
    assert found(asked, with_body({"a": ["kernel", "ke", 1]})) == [0, 1, 2]
    assert found(asked, with_body({"a": [""]})) == [0]
    assert found(asked, with_body({"a": [1, None, ["kernel"]]})) == []


def test_limits_are_compared_exactly() -> None:
    numbers: list[int | Decimal] = [
        2**64, Decimal(2**64) + Decimal("0.5"), 2**64 + 1, Decimal("0.1"), Decimal("-1e400"), 0
    ]  # fmt: skip
    asked = [Limit("a", number, is_least) for is_least in (True, False) for number in numbers]
    for value in (b"18446744073709551616", b"18446744073709551617", b"0.1", b"-0.0", b"-2e400"):
        message = a_message(body=b'{"a": ' + value + b"}")
        assert one_by_one(asked, message) == found(asked, message)


def test_of_several_numbers_one_that_reaches_the_limit_is_enough() -> None:
    asked = [Limit("a[]", 5, is_least=True), Limit("a[]", 2, is_least=False)]
    assert found(asked, with_body({"a": [1, True, 9, "9", None]})) == [0, 1]
    assert found(asked, with_body({"a": [3, 4, True, "9"]})) == []


def test_a_hundred_thousand_limits_are_answered_by_those_that_hold() -> None:
    asked = [Limit("a", number, is_least=True) for number in range(100_000)]
    assert list(range(50_001)) == found(asked, with_body({"a": 50_000}))


def test_a_body_is_not_read_unless_something_is_sought_in_it() -> None:
    message = a_message(summary="kernel", body=b'{"a": 1}')
    assert found([Word("kernel"), Pattern("topic", "*"), Expression("k")], message)
    assert "content" not in vars(message)


@dataclass(frozen=True)
class Loud:
    """A kind that another package brings."""

    volume: int
    share: ClassVar[float] = 0.1

    def fits(self, message: Message) -> bool:
        if self.volume > 10:
            raise RecursionError("too loud")
        return self.volume > 5


@dataclass(frozen=True)
class Backwards(Word):
    def fits(self, message: Message) -> bool:
        return self.text[::-1] in message.summary


def test_other_kinds_are_asked_one_by_one() -> None:
    asked: list[Sought] = [Loud(1), Loud(9), Word("kernel"), Backwards("lenrek"), Loud(2)]
    assert found(asked, a_message(summary="kernel")) == [1, 2, 3]


def test_one_that_raises_is_left_to_the_rest_of_its_rule_and_costs_no_other() -> None:
    assert found([Loud(11), Loud(1), Word("kernel")], a_message(summary="kernel")) == [0, 2]
    assert found([Expression("\ud83d"), Word("k")], a_message(summary="kernel")) == [0, 1]
