import pytest

from tests.rules.cases import ALICE, a_filter, a_message, refused


@pytest.mark.parametrize(
    ("names", "app", "expected"),
    [
        (["bodhi"], "bodhi", True),
        (["bodhi"], "Bodhi", True),
        (["BODHI"], "bodhi", True),
        (["koji", "bodhi"], "bodhi", True),
        (["bod"], "bodhi", False),
        (["bod*"], "bodhi", False),
        (["STRASSE"], "straße", True),  # full case folding: ß is ss
        (["ΣΊΣΥΦΟΣ"], "σίσυφος", True),  # both small sigmas fold alike
        (["é"], "e\u0301", False),  # no normalisation
        (["bodhi"], None, False),
        ([""], "", False),
    ],
)
def test_the_app_is_one_of_them_and_case_does_not_count(
    names: list[str], app: str | None, expected: bool
) -> None:
    assert expected is a_filter("application", names=names).matches(a_message(app=app), ALICE)


def test_names_are_needed() -> None:
    assert "Field required" in refused("application")
    assert "at least 1" in refused("application", names=[])


def test_the_app_decides() -> None:
    found = a_filter("application", names=["koji"])
    assert found.deciding(a_message(app="bodhi"), ALICE) == ("bodhi",)
    assert found.deciding(a_message(), ALICE) == ()
