import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("words", "summary", "text", "expected"),
    [
        (["kernel"], "the kernel was built", "", True),
        (["kernel"], "", "the kernel was built", True),
        (["kernel"], "glibc", "nothing of it", False),
        (["ern"], "the kernel", "", True),
        (["KERNEL"], "the kernel", "", True),
        (["kernel"], "THE KERNEL", "", True),
        (["x", "kernel"], "the kernel", "", True),
        (["strasse"], "Hauptstraße", "", True),
        (["straße"], "HAUPTSTRASSE", "", True),
        (["é"], "e\u0301", "", False),
        (["the kernel"], "the", "kernel", False),  # each by itself, not both in a row
        (["a.c"], "abc", "", False),
        (["a*"], "abc", "", False),
        (["kernel"], "", "", False),
        ([""], "", "", False),
    ],
)
def test_summary_or_text_contains_one_of_the_words(
    words: list[str], summary: str, text: str, expected: bool
) -> None:
    message = a_message(summary=summary, text=text)
    assert expected is a_filter("text", words=words).matches(message, ALICE)


def test_words_are_needed() -> None:
    assert "Field required" in refused("text")
    assert "at least 1" in refused("text", words=[])


def test_the_words_found_decide() -> None:
    asked = a_filter("text", words=["CVE", "kernel", "x"])
    assert asked.deciding(a_message(summary="Kernel cve"), ALICE) == ("CVE", "kernel")
    assert asked.deciding(a_message(summary="glibc"), ALICE) == ("glibc",)
    assert asked.deciding(a_message(), ALICE) == ()
