"""How much one user may write: checked when it is read, and when it is saved."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from fmn.errors import FieldError, PreferencesError
from fmn.model import RuleId, UserId
from fmn.preferences.codec import (
    filters_from_json,
    read_book,
    read_rule,
    read_user,
    size_of,
    write_user,
)
from fmn.preferences.limits import check_limits
from fmn.preferences.values import Preferences
from fmn.rules.bounds import LARGEST
from fmn.rules.filter import Filter
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import ALICE as ME
from tests.rules.cases import KINDS, a_filter, a_message
from tests.rules.strategies import preferences

EMAIL = a_destination("email")


def a_rule(name: str, *filters: Filter) -> Rule:
    asked = filters or (a_filter("owner", users=["me"]),)
    return Rule(RuleId(f"r-{name}"), "alice", name, asked, (EMAIL,))


def of_alice(*rules: Rule) -> Preferences:
    return Preferences(UserId("u-1"), "alice", (), (EMAIL,), rules)


ALICE = of_alice(a_rule("Mine"))


def read(text: str) -> Preferences:
    return read_user(text, user="alice", where="YAML", filters=KINDS, senders=["irc"])


TRICK = r"\pL{0}" * 1_000  # RE2 takes its time, and compiles it to nothing


def many_regexes(rules: int, pattern: str) -> str:
    rule = "{{name: R{}, filters: [{{kind: regex, patterns: ['{}']}}], destinations: [irc]}}"
    written = "\n".join("  - " + rule.format(number, pattern) for number in range(rules))
    return f"destinations: {{irc: {{kind: irc, address: alice}}}}\nrules:\n{written}\n"


def test_the_regexes_of_all_rules_of_a_user_are_counted_together() -> None:
    assert len(read(many_regexes(100, "build")).rules) == 100
    with pytest.raises(FieldError, match="at most 100 regular expressions of one user") as refused:
        read(many_regexes(101, "build"))
    assert refused.value.path == ("rules", 100, "filters", 0, "patterns", 0)
    with pytest.raises(FieldError, match="at most 10,000 characters and steps") as refused:
        read(many_regexes(10, TRICK))
    assert refused.value.path == ("rules", 1, "filters", 0, "patterns", 0)


def test_the_regexes_of_each_user_of_a_book_are_counted_by_themselves() -> None:
    lines = many_regexes(60, "build").splitlines()
    users = "".join(f"  {user}:\n" + "".join(f"    {line}\n" for line in lines) for user in "ab")
    text = f"users:\n{users}"
    book = read_book(text, where="YAML", filters=KINDS, senders=["irc"])
    assert len(book.users) == 2


def test_a_rule_that_is_too_much_is_refused_at_its_first_filter() -> None:
    filters = [{"kind": "regex", "patterns": [r"(\pL|\pN|x{20}){40}7z3"] * 100}] * 50
    written = {"name": "Mine", "filters": filters, "destinations": ["email"]}
    with pytest.raises(FieldError) as refused:
        read_rule(written, preferences=ALICE, filters=KINDS)
    assert refused.value.path[-4:] == ("filters", 0, "patterns", 0)


def test_filters_that_sql_holds_are_not_judged_again() -> None:
    saved = '[{"kind": "regex", "patterns": ["(a", "build"]}]'
    (found,) = filters_from_json(saved, KINDS)
    assert found.matches(a_message(summary="the build"), ME)
    assert not found.matches(a_message(summary="(a"), ME)


@given(preferences())
def test_who_is_within_the_bound_can_import_the_export(alice: Preferences) -> None:
    assert size_of(alice) >= len(write_user(alice).encode()) / 2


def test_lists_within_lists_count_as_they_stand_in_the_export() -> None:
    value: Any = 1
    for depth in range(45):
        value = [value, value] if depth < 8 else [value, 1]
    alice = ALICE
    deep = replace(alice.rules[0], filters=(a_filter("field", path="a", in_=[value]),))
    assert size_of(replace(alice, rules=(deep,))) >= len(write_user(replace(alice, rules=(deep,))))


# When it is saved.


def heavy(number: int, size: int = 50_000) -> Rule:
    words = [f"{number:04}" + "x" * 6_000] * (size // 6_000)
    return a_rule(f"Heavy {number}", a_filter("text", words=words))


def test_preferences_as_a_whole_are_bounded() -> None:
    most = of_alice(*map(heavy, range(5)))
    check_limits(of_alice(), most)
    with pytest.raises(PreferencesError, match="they are 283 KiB large, may be 256 KiB"):
        check_limits(most, of_alice(*map(heavy, range(6))))


def test_what_was_too_large_before_may_shrink_and_be_switched() -> None:
    larger = of_alice(*map(heavy, range(7)))
    assert size_of(larger) > LARGEST
    check_limits(larger, of_alice(*map(heavy, range(6))))
    off = tuple(replace(rule, destinations=()) for rule in larger.rules)
    check_limits(larger, replace(larger, rules=off))
    with pytest.raises(PreferencesError):
        check_limits(larger, replace(larger, rules=(*larger.rules, a_rule("Mine"))))


def test_who_tells_many_destinations_by_many_rules_pays_for_each() -> None:
    many = tuple(a_destination(str(number), address=str(number)) for number in range(100))
    rules = tuple(replace(a_rule(str(number)), destinations=many) for number in range(100))
    with pytest.raises(PreferencesError, match="may be 256 KiB"):
        check_limits(of_alice(), Preferences(UserId("u-1"), "alice", (), many, rules))


def test_the_regexes_of_one_rule_more_are_counted_with_the_others() -> None:
    one = a_rule("One", a_filter("regex", patterns=["build"] * 60))
    two = a_rule("Two", a_filter("regex", patterns=["build"] * 60))
    check_limits(of_alice(), of_alice(one))
    with pytest.raises(PreferencesError, match="at most 100 regular expressions of one user"):
        check_limits(of_alice(one), of_alice(one, two))
    both = of_alice(one, two)
    off = replace(two, enabled=False)
    check_limits(both, of_alice(one, off))
    check_limits(both, of_alice(one))


def test_the_largest_that_may_be_saved_can_be_imported_again() -> None:
    regular = of_alice(*(a_rule(f"Rule {number}") for number in range(1_000)))
    check_limits(of_alice(), regular)
    assert len(write_user(regular).encode()) <= LARGEST
