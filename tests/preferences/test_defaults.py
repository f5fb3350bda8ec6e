"""The rules every new user starts with."""

from dataclasses import replace

import pytest

from fmn.errors import FieldError, PreferencesError
from fmn.model import Message, Ownership, RuleId, Severity, UserId
from fmn.preferences.codec import write_user
from fmn.preferences.defaults import Defaults, read_defaults, with_defaults
from fmn.preferences.sentence import sentence
from fmn.preferences.values import Preferences, rule_set
from fmn.rules.rule import Rule
from tests.factories import a_destination
from tests.rules.cases import KINDS, a_filter, a_message

EMAIL = a_destination("email")
IRC = a_destination("irc", kind="irc", address="alice")
PHONE = a_destination("phone", kind="irc", address="phone")
ALICE = Preferences(UserId("u-1"), "alice", ("go-sig",), (PHONE, EMAIL, IRC))

TEXT = """
rules:
- {name: Mine, filters: [{kind: user, users: [me]}], destinations: [email, irc]}
- {name: Builds, filters: [{kind: application, names: [koji]}], destinations: [pager]}
"""


def read(text: str | None) -> Defaults:
    return read_defaults(text, where="defaults.yaml", filters=KINDS, senders={"email", "irc"})


def own(name: str) -> Rule:
    asked = (a_filter("text", words=["kernel"]),)
    return Rule(RuleId(f"own-{name}"), "alice", name, asked, (EMAIL,))


def told(preferences: Preferences) -> dict[str, list[str]]:
    return {rule.name: [to.name for to in rule.destinations] for rule in preferences.rules}


def test_a_default_rule_tells_those_of_its_destinations_there_are_else_the_first() -> None:
    after = with_defaults(ALICE, read(TEXT))
    assert told(after) == {"Mine": ["email", "irc"], "Builds": ["phone"]}
    assert told(with_defaults(replace(ALICE, destinations=(IRC, PHONE)), read(TEXT))) == {
        "Mine": ["irc"],
        "Builds": ["irc"],
    }
    assert after == replace(ALICE, rules=after.rules)
    assert all(to in ALICE.destinations for rule in after.rules for to in rule.destinations)


def test_default_rules_are_marked_the_users_and_have_ids_of_their_own() -> None:
    defaults = read(TEXT)
    rules = [
        rule
        for name in ("alice", "bob")
        for rule in with_defaults(replace(ALICE, user=name), defaults).rules
    ]
    assert [rule.user for rule in rules] == ["alice", "alice", "bob", "bob"]
    assert {rule.origin for rule in rules} == {"default"}
    assert len({rule.id for rule in rules}) == 4


def test_who_has_no_destination_gets_none() -> None:
    assert with_defaults(replace(ALICE, destinations=()), read(TEXT)).rules == ()


def test_resetting_leaves_the_users_own_rules_and_puts_the_others_back() -> None:
    start = with_defaults(replace(ALICE, rules=(own("Own"),)), read(TEXT))
    mine, builds = start.rules[1:]
    old = replace(mine, id=RuleId("old"), name="Once a default", origin="default")
    changed = replace(start, rules=(replace(builds, enabled=False), own("Own"), old))
    after = with_defaults(changed, read(TEXT))
    assert [rule.name for rule in after.rules] == ["Own", "Mine", "Builds"]
    assert after.rules[0] == own("Own")
    assert after.rules[2] == builds


def test_resetting_lets_no_rule_go_on_that_an_operator_stopped() -> None:
    start = with_defaults(ALICE, read(TEXT))
    blocked = replace(start.rules[0], blocked="too much")
    after = with_defaults(replace(start, rules=(blocked,)), read(TEXT))
    assert [rule.blocked for rule in after.rules] == ["too much", ""]


def test_a_rule_of_ones_own_wins_over_a_default_of_its_name() -> None:
    after = with_defaults(replace(ALICE, rules=(own("MINE"),)), read(TEXT))
    assert [(rule.name, rule.origin) for rule in after.rules] == [
        ("MINE", ""),
        ("Builds", "default"),
    ]


def test_an_export_is_a_file_of_defaults() -> None:
    exported = write_user(replace(ALICE, rules=(own("Own"),)))
    assert [rule.filters for rule in read(exported).rules] == [own("Own").filters]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (TEXT.replace("kind: user", "kind: usr"), r"rules\[0\]\.filters\[0\]\.kind: expected one"),
        (TEXT.replace("[pager]", "[Pager]"), r"destinations\.Pager: expected 1 to 40 of a-z"),
        (TEXT.replace("[pager]", "[]"), r"rules\[1\]\.destinations: the list is empty"),
        (TEXT.replace("Builds", "MINE"), r"rules\[1\]\.name: another rule"),
        (
            TEXT + "destinations: {email: {kind: email, address: a@example.org}}",
            r"rules\[0\]\.destinations\[1\]: expected one of email$",
        ),
        (
            TEXT + "destinations: {email: {kind: pigeon, address: a}}",
            r"destinations\.email\.kind: expected one of email, irc$",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_refused(text: str, refused: str) -> None:
    with pytest.raises(FieldError, match=f"defaults.yaml: {refused}"):
        read(text)


def test_a_file_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(PreferencesError, match=r"defaults\.yaml: line 1"):
        read("{")


def test_an_empty_list_of_rules_means_no_defaults() -> None:
    assert read("rules: []") == Defaults()


# What fmn brings itself.


def brought() -> Preferences:
    return with_defaults(ALICE, read(None))


def names(message: Message) -> list[str]:
    return [rule.name for rule in rule_set([brought()]).match(message).rules]


def test_the_own_defaults_read_as_sentences() -> None:
    assert [sentence(rule) for rule in brought().rules] == [
        (
            "When a message is about something that you or your groups own and is a warning "
            "or worse, tell email."
        ),
        "When a message mentions you, but was not done by you, tell email.",
        (
            "When a message is about something you own and has a topic like "
            "*.bodhi.update.comment, but was not done by you or bodhi, tell email."
        ),
    ]


def test_the_own_defaults_start_quiet() -> None:
    mine = (Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"go-sig"})),)
    assert names(a_message()) == []
    assert names(a_message(owners=mine)) == []
    assert names(a_message(users=frozenset({"alice"}), agent="alice")) == []
    assert names(a_message(owners=mine, severity=Severity.WARNING)) == [
        "When something breaks that I or my groups own"
    ]
    assert names(a_message(users=frozenset({"alice"}), agent="bob")) == [
        "What others do that mentions me"
    ]
    comment = {"topic": "org.fedoraproject.prod.bodhi.update.comment", "owners": mine}
    assert names(a_message(**comment, agent="bob")) == [
        "Votes and comments on updates of what I own"
    ]
    assert names(a_message(**comment, agent="bodhi")) == []
