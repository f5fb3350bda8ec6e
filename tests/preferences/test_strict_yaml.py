import re
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import example, given

from fmn.preferences.strict_yaml import read, write
from tests.rules.strategies import JSON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: yes", {"a": "yes"}),
        ("[on, off, no, y, n]", ["on", "off", "no", "y", "n"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("[null, ~, Null]", [None, None, None]),
        ("a:", {"a": None}),
        ("22:00", "22:00"),
        ("1:30:00", "1:30:00"),
        ("2001-01-01", "2001-01-01"),
        ("[0x1F, 0o17, 1_000, 0b1]", ["0x1F", "0o17", "1_000", "0b1"]),
        ("[1, -1, +1, 010]", [1, -1, 1, 10]),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("=", "="),
        ("[&x {a: 1}, *x]", [{"a": 1}, {"a": 1}]),
        ("", None),
        ("# nothing", None),
    ],
)
def test_a_text_means_one_thing(text: str, expected: object) -> None:
    assert expected == read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.10", "1.10"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("0.1000000000000000000000000000000001", "0.1000000000000000000000000000000001"),
        (".inf", "Infinity"),
        ("-.INF", "-Infinity"),
        (".nan", "NaN"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_numbers_are_exact(text: str, expected: str) -> None:
    number = read(text)
    assert isinstance(number, Decimal)
    assert expected == str(number)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "line 2: the key 'a' stands twice"),
        ("a: 1\n1: a", "line 2: a key is no string"),
        ("[a]: b", "line 1: a key is no string"),
        ("? {a: b}\n: c", "line 1: a key is no string"),
        ("yes: 1\nnull: 2", "line 2: a key is no string"),
        ("a: [\n", "line 2: "),
        ("a:\n  b: c: d", "line 2: mapping values are not allowed here"),
        ("a\n\x01", "line 2: there is a control character"),
        ("a: *x", "line 1: found undefined alias 'x'"),
        ("--- a\n--- b", "line 2: but found another document"),
        ("a: !!python/name:os.system x", "line 1: there is no such value"),
        ("!!binary aGk=", "line 1: there is no such value"),
        ("!!set {a}", "line 1: there is no such value"),
        ("!!timestamp 2001-01-01", "line 1: there is no such value"),
        ("!!int abc", "line 1: there is no such value"),
        ("!!map [a]", "line 1: there is no such value"),
        (r'"\ud800"', "line 1: there is half of a surrogate pair"),
        (r'"\UFFFFFFFF"', "not YAML"),
        (f"%YAML {'9' * 5000}.1\n---\na", "not YAML"),
        ("1e99999999999999999999", "line 1: the number is out of range"),
        ("[" * 100_000, "line 1: more than 100 levels"),
        ("- " * 100_000, "line 1: more than 100 levels"),
        ("{a: " * 100_000, "line 1: more than 100 levels"),
        ("&x [*x]", "line 1: more than 100 levels"),
    ],
)
def test_what_it_refuses_it_names_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        read(text)


def test_aliases_cannot_blow_it_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(ValueError, match="aliases repeat too much"):
        read("\n".join(lines))


@given(JSON)
@example({"\x85": "\u2028a ", "a\n": "\ufeff\x1b"})
def test_what_is_written_reads_back(value: Any) -> None:
    assert value == read(write(value))


def test_what_other_readers_would_take_for_something_else_is_quoted() -> None:
    words = ["yes", "off", "22:00", "1:30", "1e5", "1.5", "2001-01-01", "0x1F", "~", "<<", "=", ""]
    assert words == yaml.safe_load(write(words))


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = ["x", "y"]
    assert write({"a": shared, "b": shared}) == "a: [x, y]\nb: [x, y]\n"
