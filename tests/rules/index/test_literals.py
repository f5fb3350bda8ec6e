"""A text in which a regular expression is found has what it is said to need."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmn.rules.index.literals import required
from fmn.rules.regexes import searchable, searching
from tests.rules.index.strategies import REGEXES, TEXTS

ODD = st.lists(
    st.sampled_from(
        [*r"abk][^|()+?*{}-$.1", "{1}", "{0,2}", "(?i)", "(?:", "(?P<n>", "(?i:", "[^", "[]", "??",
         r"\b", r"\]", r"\[", r"\d", r"\Q", r"\E", r"\x", r"\pL", "[:alpha:]"]
    ),
    max_size=9,
).map("".join)  # fmt: skip
"""Parts of regular expressions in no order: some are one."""


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("kernel", [{"kernel"}]),
        ("(?i)Fail(ed|ure)", [{"fail"}, {"ed", "ure"}]),
        ("^foo-[0-9.]+$", [{"foo-"}]),
        (r"CVE-2026-[0-9]{4,}", [{"cve-2026-"}]),
        (r"\bpython3?\.\d+", [{"python"}, {"."}]),
        ("ab+c", [{"ab"}, {"c"}]),
        ("ab*c", [{"a"}, {"c"}]),
        ("(ab)?c", [{"c"}]),
        ("(ab){2}c", [{"c"}]),
        ("(ab)+c", [{"ab"}, {"c"}]),
        ("a|b.cd", [{"a", "cd"}]),
        ("a|.", []),
        ("(a|)b", [{"b"}]),
        (r"\[copr\].*(build|srpm)", [{"[copr]"}, {"build", "srpm"}]),
        ("[]x]a", [{"a"}]),
        (r"[^\]x]a", [{"a"}]),
        ("(?P<what>ab)", [{"ab"}]),
        ("stra\u00dfe", [{"stra"}, {"e"}]),
        ("ab(?i)?c", [{"a"}, {"c"}]),
        ("[]x[a]", []),
        ("[^]x[a]", []),
        (r"\d+", []),
        ("", []),
    ],
)
def test_what_is_plain_is_needed(regex: str, expected: list[set[str]]) -> None:
    assert expected == required(regex)


@pytest.mark.parametrize(
    "regex",
    [r"\x61b", r"\x{61}b", r"\Qa|b\E", r"\pLb", r"\p{Greek}b", r"\101b", "[[:alpha:]]b", "a{,2}b",
     "(?=a)b", "a)b", "(ab", "*a", r"a\Cb", "[ab"],
)  # fmt: skip
def test_what_is_not_plain_needs_nothing(regex: str) -> None:
    assert required(regex) == []


@settings(max_examples=500)
@given(
    REGEXES | st.text(r"abkS|()*+?.[]^{}\d1,-:i", max_size=12) | ODD,
    TEXTS | st.text("abkS1,\u212a"),
)
def test_every_text_it_is_found_in_has_what_it_needs(regex: str, text: str) -> None:
    if any(compiled.search(searchable(text)) for compiled in searching((regex,))):
        assert all(any(piece in text.casefold() for piece in need) for need in required(regex))


def test_deep_and_long_ones_are_read_too() -> None:
    assert [{"a"}] == required("(" * 3_000 + "a" + ")" * 3_000)
    assert [{"a" * 10_000}] == required("a" * 10_000)
