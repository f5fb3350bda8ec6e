"""What the regular expressions of one user may cost together."""

import pytest

from fmn.rules.regexes import Budget, Saved, searching

USUAL = [
    r"(?i)\bcomplete\b.*\.fc4[4-9]",
    r"^\[copr\].*(build|srpm).*(failed|cancelled)$",
    r"(?i)(python|perl|rust)-[\w.+-]+-\d[\w.]*-\d+\.fc(3[89]|4[0-4])",
    r"\p{L}+",
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}",
]


def refusal(*patterns: str) -> str:
    budget = Budget()
    try:
        for pattern in patterns:
            budget.take(pattern)
    except ValueError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("pattern", USUAL)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert not refusal(pattern)


def test_a_user_has_at_most_a_hundred() -> None:
    assert not refusal(*["build"] * 100)
    assert "at most 100 regular expressions of one user" in refusal(*["build"] * 101)


def test_a_hundred_of_the_usual_sort_are_taken() -> None:
    assert not refusal(*[USUAL[0]] * 100)


@pytest.mark.parametrize(
    "pattern", ["a" * 3_000, r"(?:(?:a*b*)*){300}c", r"(?:a?b?){500}c", r"\pL{0}" * 500]
)
def test_those_that_cost_much_are_too_much_together(pattern: str) -> None:
    assert not refusal(pattern)
    assert "at most 10,000 characters and steps" in refusal(*[pattern] * 10)


def test_one_that_needs_much_memory_is_refused_by_re2() -> None:
    assert "RE2 refuses it: pattern too large" in refusal(r"(\pL|\pN|x{20}){40}7z3")


def test_a_long_one_is_refused_before_it_is_compiled() -> None:
    # Were it compiled first, RE2 would be heard of its unclosed groups.
    with pytest.raises(ValueError, match="at most 10,000 characters"):
        Budget().take("(" * 12_000)


def test_what_is_saved_is_not_judged_again() -> None:
    for pattern in ["(a", *["build"] * 200]:
        Saved().take(pattern)


def test_what_this_re2_refuses_finds_nothing() -> None:
    assert [bool(each.search("ab")) for each in searching(("(a", "b", "(?<=a)b"))] == [True]
