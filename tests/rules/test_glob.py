import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.rules.glob import Globs


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("kernel", "kernel", True),
        ("kernel", "Kernel", False),
        ("kernel", "kernel ", False),
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a.b/c\nd", True),
        ("**", "", True),
        ("?", "", False),
        ("?", "/", True),
        ("?", "\n", True),
        ("?", "😀", True),
        ("?", "e\u0301", False),
        ("??", "e\u0301", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*c", "acb", False),
        ("a*a", "a", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*bc*c", "abc", False),
        ("*b?*", "ab", False),
        ("*b?*", "abc", True),
        ("a?*?c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("!a", "b", False),
        ("{a,b}", "a", False),
        (r"\*", "*", False),
        (r"\*", r"\anything", True),
        ("a.c", "abc", False),
        ("a+", "aa", False),
        ("kernel\n", "kernel", False),
        ("kernel", "kernel\n", False),
        ("kernel*", "kernel\n", True),
    ],
)
def test_only_star_and_question_mark_are_special(pattern: str, value: str, expected: bool) -> None:
    assert expected is Globs([pattern]).match(value)


def test_one_of_the_globs_is_enough() -> None:
    assert Globs(["x", "y*", "ker?el"]).match("kernel")
    assert not Globs(["x", "y*"]).match("kernel")
    assert not Globs([]).match("")


def naive(pattern: str, value: str) -> bool:
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(naive(pattern[1:], value[skip:]) for skip in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and naive(pattern[1:], value[1:])


@given(st.text("ab*?\n", max_size=8), st.text("ab\n", max_size=8))
def test_it_agrees_with_the_definition(pattern: str, value: str) -> None:
    assert naive(pattern, value) is Globs([pattern]).match(value)


@pytest.mark.parametrize("pattern", ["*a" * 200 + "b", "*a?" * 200 + "b", "a*" * 200 + "?" * 50])
def test_no_pattern_explodes(pattern: str) -> None:
    began = time.monotonic()
    Globs([pattern]).match("a" * 100_000)
    assert time.monotonic() - began < 5


def test_ten_thousand_globs_are_no_burden() -> None:
    began = time.monotonic()
    globs = Globs([*(f"python3-{n}-*" for n in range(10_000)), *map(str, range(10_000))])
    assert globs.match("python3-9999-x")
    assert globs.match("9999")
    assert not globs.match("kernel")
    assert time.monotonic() - began < 5
