import subprocess
import sys

import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("patterns", "summary", "text", "expected"),
    [
        (["ker.el"], "the kernel was built", "", True),
        (["ker.el"], "", "the kernel was built", True),
        (["ker.el"], "glibc", "nothing", False),
        (["Kernel"], "kernel", "", False),
        (["(?i)Kernel"], "kernel", "", True),
        (["x", "kernel"], "kernel", "", True),
        ([r"^built$"], "a", "built", True),  # each is searched by itself
        ([r"a\nb", "ab"], "a", "b", False),
        ([r"\d+ fail"], "12 failures", "", True),
        (["^.$"], "é", "", True),  # a character, not a byte
        (["a.b"], "a\nb", "", False),
        (["(?s)a.b"], "a\nb", "", True),
        (["a.b"], "a\ud800b", "", True),  # half of a surrogate pair is a character
        ([r"a\?b"], "a\ud800b", "", False),
        ([""], "kernel", "", True),
        (["", "^$"], "", "", False),  # what is absent is not searched
        (["^$"], "", "kernel", False),
    ],
)
def test_re2_finds_one_of_the_patterns_in_summary_or_text(
    patterns: list[str], summary: str, text: str, expected: bool
) -> None:
    message = a_message(summary=summary, text=text)
    assert expected is a_filter("regex", patterns=patterns).matches(message, ALICE)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a", "missing ): (a"),
        ("(?<=a)b", "invalid perl operator"),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("((a{100}){100}){100}", "invalid repetition size"),
        (".{1000}" * 20, "pattern too large"),
    ],
)
def test_what_re2_refuses_is_refused_in_its_words(pattern: str, said: str) -> None:
    why = refused("regex", patterns=["fine", pattern])
    assert "patterns.1" in why
    assert "RE2 refuses it: " in why
    assert said in why


def test_half_of_a_surrogate_pair_is_no_pattern() -> None:
    assert "unicode" in refused("regex", patterns=["\ud800"])


def test_a_filter_has_at_most_a_hundred_patterns() -> None:
    assert not refused("regex", patterns=["a"] * 100)
    assert "at most 100 items" in refused("regex", patterns=["a"] * 101)


def test_re2_itself_prints_nothing() -> None:
    code = "from tests.rules.cases import refused; assert refused('regex', patterns=['(a'])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_patterns_are_needed() -> None:
    assert "Field required" in refused("regex")
    assert "at least 1" in refused("regex", patterns=[])


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|aa)+b", "(.*a){20}b", "a?" * 500 + "a" * 500])
def test_patterns_that_explode_elsewhere_do_not(pattern: str) -> None:
    message = a_message(summary="a" * 400, text="a" * 100_000)
    found = a_filter("regex", patterns=[pattern]).matches(message, ALICE)
    assert found is (not pattern.endswith("b"))


def test_what_was_found_decides() -> None:
    asked = a_filter("regex", patterns=["k.r", "b.."])
    assert asked.deciding(a_message(summary="kernel built"), ALICE) == ("ker", "bui")
    assert asked.deciding(a_message(summary="glibc", text="-"), ALICE) == ("glibc",)
