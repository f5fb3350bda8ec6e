"""Globs are asked of a value when it first comes; then it is known what it matches."""

from dataclasses import dataclass, field

from fmn.rules.access import Key
from fmn.rules.index.globs import Globs
from fmn.rules.sought import Pattern


@dataclass(frozen=True)
class Counted(Pattern):
    """A glob that notes each value it is asked of."""

    asked: list[str] = field(default_factory=list)

    def matches(self, value: str) -> bool:
        self.asked.append(value)
        return super().matches(value)


def names(*values: str) -> list[Key]:
    return [Key("name", value) for value in values]


def test_a_value_that_comes_again_is_not_asked_again() -> None:
    glob = Counted("name", "ker*")
    globs = Globs([(7, glob)])
    for _ in range(3):
        assert {7} == globs.found(names("kernel", "kerberos"))
    assert glob.asked == ["kernel", "kerberos"]


def test_when_there_is_no_room_left_all_are_asked_again() -> None:
    glob = Counted("name", "ker*")
    globs = Globs([(7, glob)], room=1_000)
    for number in range(100):
        assert {7} == globs.found(names(f"kernel-{number}"))
    assert {7} == globs.found(names("kernel-99"))
    assert len(glob.asked) == 100
    assert {7} == globs.found(names("kernel-0"))
    assert len(glob.asked) == 101


def test_a_value_larger_than_the_room_is_not_kept() -> None:
    glob = Counted("name", "ker*")
    globs = Globs([(7, glob)], room=1_000)
    for _ in range(2):
        assert {7} == globs.found(names("kernel" * 1_000))
    assert len(glob.asked) == 2


def test_only_globs_whose_text_stands_in_the_value_are_asked() -> None:
    globs = [Counted("name", f"python3-*-{number}?") for number in range(1_000)]
    assert {770} == Globs(enumerate(globs)).found(names("python3-x-770a", "perl-x"))
    assert sum(len(glob.asked) for glob in globs) < 10


def test_a_glob_is_about_its_own_field() -> None:
    globs = Globs(
        [(0, Pattern("topic", "ker*")), (1, Pattern("name", "*nel")), (2, Pattern("name", "*"))]
    )
    assert {1, 2} == globs.found(names("kernel", ""))
    assert {0} == globs.found([Key("topic", "kernel"), Key("user", "kernel")])
