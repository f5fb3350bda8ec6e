import json
from decimal import Decimal
from typing import Any

import pytest

from fmn.exact import exact_json
from fmn.model import Message
from tests.rules.cases import ALICE, a_filter, a_message, refused

BODY = r"""{
    "name": "kernel", "build": {"id": 7, "ok": true, "note": null, "took": 1.10, "none": ""},
    "a.b": {"c.d": "dotted"}, "list[0]": "odd",
    "bugs": [{"id": 1, "tags": ["x", "y"]}, {"id": 2}, 3, "4"],
    "grid": [[1, 2], [3]], "empty": [], "nothing": {}, "huge": 123456789012345678901234567890,
    "mixed": [1, [true, {"x": 1.0}]]
}"""


def body(text: str = BODY) -> Message:
    return a_message(body=text.encode())


@pytest.mark.parametrize(
    ("path", "exists"),
    [
        ("name", True),
        ("Name", False),
        ("build", True),
        ("build.id", True),
        ("build.id.x", False),  # a name on what is no object is nothing
        ("build.note", True),  # null exists
        ("build.none", True),
        ("build.other", False),
        (r"a\.b.c\.d", True),
        ("a.b", False),
        (r"a\.b.c", False),
        ("list[0]", True),  # only [] at the end of a name means elements
        ("bugs[].id", True),
        ("bugs[].tags[]", True),
        ("bugs.id", False),  # a list is no object
        ("bugs[].other", False),
        ("name[]", False),  # [] on what is no list is nothing
        ("build[]", False),
        ("empty", True),
        ("empty[]", False),
        ("grid[][]", True),
        ("grid[][][]", False),
        ("nothing", True),
    ],
)
def test_a_path_leads_to_values_or_to_nothing(path: str, exists: bool) -> None:
    assert exists is a_filter("field", path=path, exists=True).matches(body(), ALICE)


@pytest.mark.parametrize(
    ("path", "wanted", "expected"),
    [
        ("name", '"kernel"', True),
        ("name", '"Kernel"', False),
        ("build.id", "7", True),
        ("build.id", "7.0", True),
        ("build.id", "0.7e1", True),
        ("build.id", '"7"', False),
        ("build.ok", "true", True),
        ("build.ok", "1", False),
        ("build.ok", '"true"', False),
        ("bugs[].id", "true", False),
        ("bugs[].id", "1", True),
        ("bugs[].id", "3", False),
        ("bugs[]", "3", True),
        ("bugs[]", "4", False),
        ("bugs[]", '"4"', True),
        ("build.note", "null", True),
        ("build.other", "null", False),
        ("build.none", '""', True),
        ("build.none", "null", False),
        ("build.took", "1.1", True),
        ("build.took", "1.1000000000000000000001", False),
        ("huge", "123456789012345678901234567890", True),
        ("huge", "123456789012345678901234567891", False),
        ("grid", "[[1, 2], [3]]", True),
        ("grid", "[[1.0, 2], [3]]", True),
        ("grid", "[[2, 1], [3]]", False),
        ("grid", "[[1, 2]]", False),
        ("grid[]", "[3]", True),
        ("grid[][]", "3", True),
        ("empty", "[]", True),
        ("nothing", "{}", True),
        ("empty", "{}", False),
        ("mixed", '[1, [true, {"x": 1}]]', True),
        ("mixed", '[true, [true, {"x": 1}]]', False),
        ("mixed", '[1, [1, {"x": 1}]]', False),
        ("mixed", '[1, [true, {"x": true}]]', False),
        ("mixed", '[1, [true, {"x": "1"}]]', False),
        ("mixed", '[1, [true, {"x": 1, "y": 2}]]', False),
    ],
)
def test_equality_is_typed_exact_and_deep(path: str, wanted: str, expected: bool) -> None:
    value = exact_json(wanted)
    assert expected is a_filter("field", path=path, equals=value).matches(body(), ALICE)
    among = a_filter("field", path=path, in_=["never", value, {"never": True}])
    assert expected is among.matches(body(), ALICE)


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("name", "ker", True),
        ("name", "Ker", False),
        ("name", "ernel", False),
        ("name", "", True),
        ("build.id", "7", False),  # a prefix is for strings
        ("build.id", "", False),
        ("build.none", "", True),
        ("bugs[]", "4", True),
        ("build.other", "", False),
    ],
)
def test_a_prefix_is_for_strings(path: str, prefix: str, expected: bool) -> None:
    assert expected is a_filter("field", path=path, prefix=prefix).matches(body(), ALICE)


@pytest.mark.parametrize(
    ("written", "at_least", "at_most"),
    [
        ("1", True, False),
        ("0.3", True, True),
        ("0.30000000000000000000000000000000000000000001", True, False),
        ("0.29999999999999999999999999999999999999999999", False, True),
        ("-1e999999", False, True),
        ("1e999999", True, False),
        ('"1"', False, False),
        ("true", False, False),
        ("null", False, False),
        ("[1]", False, False),
        ("NaN", False, False),  # no JSON, but Python reads it
        ("Infinity", False, False),
        ("-Infinity", False, False),
        ("9" * 10_000, True, False),
    ],
)
def test_numbers_are_compared_exactly(written: str, at_least: bool, at_most: bool) -> None:
    message = body(f'{{"n": {written}}}')
    limit = Decimal("0.3")
    assert at_least is a_filter("field", path="n", at_least=limit).matches(message, ALICE)
    assert at_most is a_filter("field", path="n", at_most=limit).matches(message, ALICE)


def test_a_float_given_by_code_means_what_it_shows() -> None:
    assert a_filter("field", path="n", equals=0.1).matches(body('{"n": 0.1}'), ALICE)
    assert a_filter("field", path="n", at_most=0.1).matches(body('{"n": 0.1}'), ALICE)


@pytest.mark.parametrize("text", ["null", "[]", '"x"', "no json", "", "[" * 100_000])
def test_a_body_without_objects_has_no_fields(text: str) -> None:
    absent = a_filter("field", path="name", exists=True, negate=True)
    assert absent.holds(body(text), ALICE)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"equals": 1, "exists": True},
        {"at_least": 1, "at_most": 2},
        {"equals": None, "prefix": ""},
        {"exists": False},
        {"exists": 1},
        {"exists": "true"},
        {"exists": None},
        {"in_": []},
        {"in_": "abc"},
        {"in_": None},
        {"prefix": 1},
        {"prefix": None},
        {"at_least": "1"},
        {"at_least": True},
        {"at_least": None},
        {"at_least": [1]},
        {"at_most": float("nan")},
        {"at_most": float("inf")},
        {"at_least": Decimal("NaN")},
        {"at_least": Decimal("-Infinity")},
        {"equals": float("nan")},
        {"equals": [{"deep": Decimal("Infinity")}]},
        {"in_": [Decimal("NaN")]},
        {"equals": {1: "a"}},
        {"equals": b"bytes"},
        {"equals": {1, 2}},
    ],
)
def test_exactly_one_operator_with_a_fitting_argument(arguments: dict[str, Any]) -> None:
    assert refused("field", path="name", **arguments)


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", ".a", "[]", "a.[]", 1, None, ["a"]])
def test_a_path_is_names_joined_by_dots(path: object) -> None:
    assert refused("field", path=path, exists=True)


def test_a_path_is_needed() -> None:
    assert "Field required" in refused("field", exists=True)


def test_very_deep_values_and_very_long_paths_are_no_danger() -> None:
    deep: Any = 1
    for _ in range(51):
        deep = [deep]
    assert "expected at most 50" in refused("field", path="a", equals=deep)
    assert not refused("field", path="a", equals=deep[0])
    nested = '{"a": ' + "[" * 900 + "]" * 900 + "}"
    assert not a_filter("field", path="a", equals=deep[0]).matches(body(nested), ALICE)
    long = ".".join(["a"] * 5000)
    assert not a_filter("field", path=long, exists=True).matches(body(), ALICE)
    assert not a_filter("field", path="a" + "[]" * 4999, exists=True).matches(body(), ALICE)
    assert "at most 10000 characters" in refused("field", path=long + "[]", exists=True)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("x" * 10_001, "expected at most 10,000 characters"),
        (["x" * 10_001], "expected at most 10,000 characters"),
        ({"x" * 10_001: 1}, "expected at most 10,000 characters"),
        (Decimal("1" * 10_001), "expected at most 10,000 digits"),
        ([[1] * 500, [1] * 500], "expected at most 1,000 values in it"),
        ({"a": list(range(1000))}, "expected at most 1,000 values in it"),
        (["a\ud800"], "there is half of a surrogate pair"),
    ],
)
def test_a_value_has_bounds(value: object, said: str) -> None:
    assert said in refused("field", path="a", equals=value)
    assert said in refused("field", path="a", in_=[1, value])


def test_a_value_within_the_bounds_is_taken() -> None:
    for value in ("x" * 10_000, Decimal("1" * 10_000), list(range(999)), Decimal("1E+99999")):
        assert not refused("field", path="a", equals=value)


def test_many_values_among_many_are_no_burden() -> None:
    message = body(json.dumps({"n": list(range(100_000))}))
    many = [*range(-500, 0), *map(str, range(499))]
    assert not a_filter("field", path="n[]", in_=many).matches(message, ALICE)
    assert a_filter("field", path="n[]", in_=[*many, 99_999]).matches(message, ALICE)


def test_filters_that_differ_only_in_the_type_of_a_value_differ() -> None:
    one, true = (a_filter("field", path="a", equals=value) for value in (1, True))
    assert one != true
    assert one == a_filter("field", path="a", equals=Decimal("1.0"))
    assert hash(one) == hash(a_filter("field", path="a", equals=Decimal("1.0")))
    assert one != a_filter("field", path="a", in_=[1])
    assert one != a_filter("field", path="a", equals=1, negate=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("name", ("kernel",)),
        ("bugs[].id", ("1", "2")),
        ("build.ok", ("true",)),
        ("build.note", ("null",)),
        ("build.took", ("1.10",)),
        ("bugs", ("a list of 4",)),
        ("build", ("an object of 5",)),
        ("other", ()),
    ],
)
def test_the_values_at_the_path_decide(path: str, expected: tuple[str, ...]) -> None:
    assert expected == a_filter("field", path=path, exists=True).deciding(body(), ALICE)


def test_only_the_values_that_are_so_decide_where_there_are_some() -> None:
    assert a_filter("field", path="bugs[].id", at_least=2).deciding(body(), ALICE) == ("2",)
    assert a_filter("field", path="bugs[].id", at_least=9).deciding(body(), ALICE) == ("1", "2")
