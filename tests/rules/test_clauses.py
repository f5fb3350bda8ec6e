"""A filter in words: what it says as it stands, and turned round."""

import pytest
from hypothesis import given

from fmn.rules.filter import Filter
from tests.rules.cases import a_filter
from tests.rules.strategies import filters

MANY = list("abcdefghij")


@pytest.mark.parametrize(
    ("asked", "says", "turned_round"),
    [
        (a_filter("application", names=["koji", "bodhi"]),
         "comes from koji or bodhi", "does not come from koji or bodhi"),
        (a_filter("owner", users=["me"], groups=["mine"]),
         "is about something that you or your groups own",
         "is not about anything that you or your groups own"),
        (a_filter("owner", users=["me"]),
         "is about something you own", "is not about anything you own"),
        (a_filter("owner", users=["bayou"]),
         "is about something that bayou owns", "is not about anything that bayou owns"),
        (a_filter("owner", users=["bob", "me"], groups=["go-sig"]),
         "is about something that bob, you or the group go-sig owns",
         "is not about anything that bob, you or the group go-sig owns"),
        (a_filter("user", users=["me"]), "mentions you", "does not mention you"),
        (a_filter("agent", users=["me"]), "was done by you", "was not done by you"),
        (a_filter("group", groups=["python-sig", "go-sig"]),
         "mentions the group python-sig or go-sig",
         "does not mention the group python-sig or go-sig"),
        (a_filter("group", groups=["mine"]),
         "mentions a group of yours", "does not mention a group of yours"),
        (a_filter("group", groups=["mine", "go-sig"]),
         "mentions a group of yours or the group go-sig",
         "does not mention a group of yours or the group go-sig"),
        (a_filter("artifact", types=["rpms"], names=["python-*"]),
         "is about an rpm named python-*", "is not about an rpm named python-*"),
        (a_filter("artifact", types=["containers", "modules", "flatpaks"]),
         "is about a container, a module or a flatpak",
         "is not about a container, a module or a flatpak"),
        (a_filter("artifact", names=["kernel", "python-*"]),
         "is about something named kernel or python-*",
         "is not about something named kernel or python-*"),
        (a_filter("artifact", types=["npm"], names=["left-pad"]),
         "is about npm/left-pad", "is not about npm/left-pad"),
        (a_filter("artifact", types=["npm", "rpms"]),
         "is about an rpm or npm/*", "is not about an rpm or npm/*"),
        (a_filter("topic", patterns=["*.bodhi.*"]),
         "has a topic like *.bodhi.*", "does not have a topic like *.bodhi.*"),
        (a_filter("topic", patterns=["a.b"]), "has the topic a.b", "does not have the topic a.b"),
        (a_filter("severity", at_least="warning"),
         "is a warning or worse", "is not a warning or worse"),
        (a_filter("severity", at_least="error"), "is an error", "is not an error"),
        (a_filter("severity", in_=["error", "debug"]),
         "is an error or a debug message", "is not an error or a debug message"),
        (a_filter("text", words=["security", "CVE-"]),
         "says “security” or “CVE-”", "does not say “security” or “CVE-”"),
        (a_filter("regex", patterns=["(?i)fail"]),
         "matches the regex “(?i)fail”", "does not match the regex “(?i)fail”"),
        (a_filter("field", path="alerts[].kind", equals="storm"),
         "has alerts[].kind equal to storm", "has no alerts[].kind equal to storm"),
        (a_filter("field", path="a", in_=["1", 1, None, {"b": [True]}]),
         'has a equal to “1”, 1, null or {"b": [true]}',
         'has no a equal to “1”, 1, null or {"b": [true]}'),
        (a_filter("field", path="a", prefix="x"),
         "has a beginning with “x”", "has no a beginning with “x”"),
        (a_filter("field", path="a", at_least=0.1),
         "has a of at least 0.1", "has no a of at least 0.1"),
        (a_filter("field", path="a", at_most=0), "has a of at most 0", "has no a of at most 0"),
        (a_filter("field", path="a", exists=True), "has a", "has no a"),
    ],
)  # fmt: skip
def test_a_clause_is_read_as_a_person_would_say_it(
    asked: Filter, says: str, turned_round: str
) -> None:
    assert (says, turned_round) == asked.clause()


def says(kind: str, **arguments: object) -> str:
    return a_filter(kind, **arguments).clause()[0]


def test_of_many_values_the_first_are_named_and_the_rest_counted() -> None:
    assert says("application", names=MANY) == "comes from a, b, c or 7 more"
    assert says("application", names=MANY[:4]) == "comes from a, b, c or d"
    assert says("application", names=["a", "a", "b"]) == "comes from a or b"
    assert says("owner", users=MANY) == "is about something that a, b, c or 7 more own"


def test_a_long_value_is_cut_short() -> None:
    clause = says("topic", patterns=["x" * 10_000])
    assert clause.startswith("has the topic xxxx")
    assert clause.endswith("x…")
    assert len(clause) < 100


def test_a_value_that_would_not_be_seen_as_one_is_quoted_and_nothing_is_hidden() -> None:
    assert says("application", names=["a, b", ""]) == "comes from “a, b” or “”"
    assert says("application", names=["a\u202eb"]) == r"comes from a\u202eb"
    assert says("text", words=["a\nb"]) == r"says “a\nb”"


@given(filters())
def test_every_filter_has_a_clause_and_another_one_turned_round(asked: Filter) -> None:
    positive, negative = asked.clause()
    assert positive != negative
    for clause in (positive, negative):
        assert clause.isprintable()
        assert 0 < len(clause) < 1000
