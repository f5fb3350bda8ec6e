"""A set of regular expressions loses none, though RE2 says nothing when its memory runs out."""

import re2

from fmn.rules.index.regex_sets import RegexSets
from fmn.rules.sought import Expression
from tests.rules.cases import a_message

TEXT = "x" * 100 + "abcd" * 50


def runs_out(regex: str, many: int, memory: int) -> bool:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = memory
    naked = re2.Set.SearchSet(options)
    for _ in range(many):
        naked.Add(regex)
    naked.Add("")
    try:
        naked.Compile()
    except re2.error:
        return False
    return naked.Match(TEXT) is None


def found(sets: RegexSets, text: str = TEXT) -> list[int]:
    return sorted(sets.found(a_message(text=text), [text.encode()]))


def test_where_the_memory_runs_out_in_a_text_all_are_asked_one_by_one() -> None:
    memory = next(each for each in range(5_000, 20_000, 50) if runs_out("x", 200, each))
    asked = list(enumerate([Expression("x")] * 200))
    assert list(range(200)) == found(RegexSets(asked, memory=memory))


def test_what_is_too_large_for_one_set_is_several() -> None:
    asked = [(place, Expression(f"a{place}(b|c{{10}})*")) for place in range(100)]
    for memory in (1_000, 10_000, 50_000):
        assert found(RegexSets(asked, memory=memory), "a7bc a77ccb") == [7, 77]


def test_sets_are_of_bounded_size() -> None:
    asked = [(place + 5, Expression(f"a{place}$")) for place in range(100)]
    assert found(RegexSets(asked, size=3), "xa77") == [82]


def test_one_that_is_refused_costs_no_other() -> None:
    asked = [
        (0, Expression("(a")),
        (1, Expression("a")),
        (2, Expression("b**")),
        (4, Expression("b")),
    ]
    assert found(RegexSets(asked), "(ab") == [1, 4]


def test_what_blows_up_is_found_all_the_same() -> None:
    asked = [(n, Expression(f"[ab]*a[ab]{{{n}}}c")) for n in range(40)]
    text = "abbab" * 30 + "c" + "aab" * 40
    expected = [place for place, each in asked if each.fits(a_message(text=text))]
    assert expected == found(RegexSets(asked, memory=60_000), text)
