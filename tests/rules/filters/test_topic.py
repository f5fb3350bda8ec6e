import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("patterns", "topic", "expected"),
    [
        (["org.example.done"], "org.example.done", True),
        (["org.example"], "org.example.done", False),
        (["*.done"], "org.example.done", True),
        (["org.*"], "org.example.done", True),
        (["org.*.done"], "org.a.b.done", True),
        (["org.example.don?"], "org.example.done", True),
        (["Org.*"], "org.example.done", False),
        (["nothing", "*example*"], "org.example.done", True),
        (["*"], "org.example.done", True),
        (["*"], "", False),
    ],
)
def test_one_of_the_globs_matches_the_topic(
    patterns: list[str], topic: str, expected: bool
) -> None:
    assert expected is a_filter("topic", patterns=patterns).matches(a_message(topic=topic), ALICE)


def test_patterns_are_needed() -> None:
    assert "Field required" in refused("topic")
    assert "at least 1" in refused("topic", patterns=[])


def test_the_topic_decides() -> None:
    assert a_filter("topic", patterns=["x"]).deciding(a_message(topic="a.b"), ALICE) == ("a.b",)
