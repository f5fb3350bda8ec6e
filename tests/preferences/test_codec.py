import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.errors import FieldError, PreferencesError
from fmn.model import Destination, DestinationState, Ownership, UserId
from fmn.preferences import strict_yaml
from fmn.preferences.codec import (
    filters_from_json,
    filters_to_json,
    read_book,
    read_destination,
    read_rule,
    read_user,
    write_destination,
    write_rule,
    write_user,
)
from fmn.preferences.values import Book, Preferences, rule_set
from fmn.rules.filter import Filter
from fmn.rules.me import Memberships
from fmn.rules.rule import Rule
from tests.rules.cases import KINDS, a_filter, a_message
from tests.rules.strategies import filters, preferences

CONTRACT = """\
users:
  alice:
    groups: [python-sig]                       # for `mine`; in production the directory knows
    destinations:
      email: {kind: email, address: alice@example.org, digest: {every: 1h, at: 50}, quiet: {from: "22:00", to: "07:00", days: [mon, tue], errors_pass: true}}
      irc:   {kind: irc, address: alice}
    rules:
      - name: My packages, when something breaks
        filters:
          - {kind: owner, users: [me], groups: [mine]}
          - {kind: severity, at_least: warning}
          - {kind: application, names: [copr], negate: true}
        destinations: [email, irc]
owners:
  rpms/kernel: {users: [alice], groups: [kernel-sig]}
"""  # noqa: E501  # as the contract writes it


def a_book(text: str = CONTRACT) -> Book:
    return read_book(text, where="RULES.yaml", filters=KINDS, senders={"email", "irc"})


def a_user(text: str) -> Preferences:
    return read_user(
        text, user="alice", where="alice.yaml", filters=KINDS, senders=["email", "irc"]
    )


def refusal(text: str) -> str:
    with pytest.raises(PreferencesError) as refused:
        a_book(text)
    said = str(refused.value)
    assert said.startswith("The preferences cannot be used: RULES.yaml: ")
    return said.removeprefix("The preferences cannot be used: RULES.yaml: ")


def test_the_example_of_the_contract_is_read() -> None:
    book = a_book()
    (alice,) = book.users
    email, irc = alice.destinations
    (rule,) = alice.rules
    assert (alice.user, alice.groups) == ("alice", ("python-sig",))
    assert (
        email.user,
        email.name,
        email.kind,
        email.address,
    ) == ("alice", "email", "email", "alice@example.org")
    assert email.digest == {"every": "1h", "at": 50}
    assert email.quiet == {
        "from": "22:00",
        "to": "07:00",
        "days": ["mon", "tue"],
        "errors_pass": True,
    }
    assert (irc.digest, irc.quiet, irc.state) == (None, None, DestinationState.UNCONFIRMED)
    assert rule.name == "My packages, when something breaks"
    assert (rule.user, rule.enabled, rule.everything) == ("alice", True, False)
    assert (email, irc) == rule.destinations
    assert (
        a_filter("owner", users=["me"], groups=["mine"]),
        a_filter("severity", at_least="warning"),
        a_filter("application", names=["copr"], negate=True),
    ) == rule.filters
    assert (
        Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"kernel-sig"})),
    ) == book.owners


def test_users_rules_and_destinations_keep_their_order() -> None:
    book = a_book("""
users:
  zoe:
    destinations: {z: {kind: irc, address: z}, a: {kind: irc, address: a}}
    rules:
      - {name: z, filters: [{kind: topic, patterns: [x]}], destinations: [a, z, a]}
      - {name: a, filters: [{kind: topic, patterns: [x]}], destinations: [a]}
  adam: {}
""")
    zoe, adam = book.users
    assert [zoe.user, adam.user] == ["zoe", "adam"]
    assert [each.name for each in zoe.destinations] == ["z", "a"]
    assert [each.name for each in zoe.rules] == ["z", "a"]
    assert [each.name for each in zoe.rules[0].destinations] == ["a", "z"]
    assert (adam.groups, adam.destinations, adam.rules) == ((), (), ())


def test_ids_that_are_missing_are_made_and_never_the_same() -> None:
    ids: list[str] = []
    for alice in (*a_book().users, *a_book().users):
        ids += [alice.id, *(each.id for each in alice.destinations)]
        ids += [rule.id for rule in alice.rules]
    assert len(set(ids)) == 8
    assert all(len(each) == 16 and set(each) <= set("0123456789abcdef") for each in ids)


def test_ids_that_are_written_stay() -> None:
    text = CONTRACT.replace("- name: My", "- id: R_1-x\n        name: My")
    (alice,) = a_book(text.replace("{kind: irc", "{id: R_1-x, kind: irc")).users
    assert alice.rules[0].id == "R_1-x"
    assert alice.destinations[1].id == "R_1-x"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Filters.
        (
            "kind: owner",
            "kind: ownr",
            "users.alice.rules[0].filters[0].kind: expected one of agent",
        ),
        ("kind: owner, ", "", "users.alice.rules[0].filters[0].kind: expected one of agent"),
        ("kind: owner", "kind: [owner]", "users.alice.rules[0].filters[0].kind: expected one of"),
        (
            "at_least: warning",
            "at_leest: warning",
            "users.alice.rules[0].filters[1].at_leest: there is no such key; known: ",
        ),
        (
            "at_least: warning",
            "at_least: 3",
            "users.alice.rules[0].filters[1].at_least: expected 'debug', 'info', 'warning' or",
        ),
        ("users: [me]", "users: []", "users.alice.rules[0].filters[0].users: the list is empty"),
        ("users: [me]", "users: me", "users.alice.rules[0].filters[0].users: expected a list"),
        ("[me]", "[me, 1]", "users.alice.rules[0].filters[0].users[1]: expected a valid string"),
        ("[me]", "[true]", "users.alice.rules[0].filters[0].users[0]: expected a valid string"),
        ("negate: true", "negate: yes", "users.alice.rules[0].filters[2].negate: expected a valid"),
        (
            "{kind: owner, users: [me], groups: [mine]}",
            "{kind: owner}",
            "users.alice.rules[0].filters[0]: expected `users` and/or `groups`",
        ),
        (
            "{kind: owner, users: [me], groups: [mine]}",
            "{kind: topic}",
            "users.alice.rules[0].filters[0].patterns: it is missing",
        ),
        (
            "{kind: owner, users: [me], groups: [mine]}",
            "{kind: regex, patterns: [a, (b]}",
            "users.alice.rules[0].filters[0].patterns[1]: RE2 refuses it: missing ): (b",
        ),
        (
            "{kind: owner, users: [me], groups: [mine]}",
            "{kind: field, path: a, in: [1, .nan]}",
            "users.alice.rules[0].filters[0].in[1]: expected a finite number",
        ),
        (
            "{kind: owner, users: [me], groups: [mine]}",
            "owner",
            "users.alice.rules[0].filters[0]: expected a mapping",
        ),
        # Rules.
        ("[email, irc]", "[email, ir]", "users.alice.rules[0].destinations[1]: expected one of em"),
        ("[email, irc]", "[]", "users.alice.rules[0].destinations: the list is empty"),
        ("        destinations: [email, irc]\n", "", "users.alice.rules[0].destinations: it is mi"),
        ("[email, irc]", "[1]", "users.alice.rules[0].destinations[0]: expected a valid string"),
        (
            "name: My packages, when something breaks",
            "enabled: true",
            "users.alice.rules[0].name: i",
        ),
        ("name: My", "name: 5\n        nam: My", "users.alice.rules[0].name: expected a valid str"),
        (
            "name: My",
            "colour: red\n        name: My",
            "users.alice.rules[0].colour: there is no such",
        ),
        (
            "name: My",
            "enabled: 1\n        name: My",
            "users.alice.rules[0].enabled: expected a val",
        ),
        (
            "name: My",
            "enabled: on\n        name: My",
            "users.alice.rules[0].enabled: expected a va",
        ),
        ("name: My", "id: a:b\n        name: My", "users.alice.rules[0].id: expected an id: 1 to"),
        (
            "My packages, when something breaks",
            '""',
            "users.alice.rules[0].name: expected 1 to 200",
        ),
        (
            "My packages, when something breaks",
            "x" * 201,
            "users.alice.rules[0].name: expected 1 to",
        ),
        ("My packages, when something breaks", '"a\\tb"', "users.alice.rules[0].name: expected no"),
        ("My packages, when something breaks", '"a\\Lb"', "users.alice.rules[0].name: expected no"),
        # Destinations.
        ("kind: irc", "kind: ir", "users.alice.destinations.irc.kind: expected one of email, irc"),
        ("kind: irc, ", "", "users.alice.destinations.irc.kind: it is missing"),
        (
            "address: alice}",
            "adress: alice}",
            "users.alice.destinations.irc.address: it is missing",
        ),
        (
            "address: alice}",
            "address: 5}",
            "users.alice.destinations.irc.address: expected a valid",
        ),
        ("address: alice}", 'address: ""}', "users.alice.destinations.irc.address: expected 1 to"),
        (
            "address: alice}",
            'address: "a\\nb"}',
            "users.alice.destinations.irc.address: expected no",
        ),
        (
            "      irc: ",
            "      IRC: ",
            "users.alice.destinations.IRC: expected 1 to 40 of a-z 0-9 -",
        ),
        (
            "      irc: ",
            f"      {'i' * 41}: ",
            f"users.alice.destinations.{'i' * 41}: expected 1 to",
        ),
        (
            "{kind: irc, address: alice}",
            "{kind: email, address: alice@example.org}",
            "users.alice.destinations.irc: another destination has this kind and address",
        ),
        ("at: 50", "at: 0", "users.alice.destinations.email.digest.at: expected greater than or"),
        (
            "at: 50",
            'at: "50"',
            "users.alice.destinations.email.digest.at: expected a valid integer",
        ),
        ("every: 1h", "every: 1", "users.alice.destinations.email.digest.every: expected a valid"),
        (
            "every: 1h",
            "every: 1w",
            "users.alice.destinations.email.digest.every: expected a number",
        ),
        (
            "every: 1h",
            "every: 0h",
            "users.alice.destinations.email.digest.every: expected a number",
        ),
        ("{every: 1h, at: 50}", "{}", "users.alice.destinations.email.digest: expected `every`"),
        (
            "{every: 1h, at: 50}",
            "{days: [mon]}",
            "users.alice.destinations.email.digest: expected `",
        ),
        ("every: 1h", 'daily: "08:00"', "users.alice.destinations.email.digest: expected `every`"),
        ("every: 1h", "days: [mon]", "users.alice.destinations.email.digest: expected `every` and"),
        (
            "{every: 1h, at: 50}",
            '{daily: "8:00"}',
            'users.alice.destinations.email.digest.daily: expected a time: "08:00"',
        ),
        (
            "{every: 1h, at: 50}",
            '{daily: "08:00", days: []}',
            "users.alice.destinations.email.digest.days: the list is empty",
        ),
        ('from: "22:00", ', "", "users.alice.destinations.email.quiet.from: it is missing"),
        ('"22:00"', '"24:00"', "users.alice.destinations.email.quiet.from: expected a time"),
        ("[mon, tue]", "[monday]", "users.alice.destinations.email.quiet.days[0]: expected 'mon'"),
        (
            "errors_pass: true",
            "x: 1",
            "users.alice.destinations.email.quiet.x: there is no such key",
        ),
        # Users and owners.
        ("  alice:", "  al ice:", "users.al ice: expected printable characters without spaces"),
        (
            "  alice:",
            '  "al\\u00a0ice":',
            r"users.al\xa0ice: expected printable characters without",
        ),
        ("  alice:", '  "al\\eice":', r"users.al\x1bice: expected printable characters without"),
        ("  alice:", '  "":', "users.: expected 1 to 255 characters"),
        ("  alice:", f"  {'a' * 256}:", f"users.{'a' * 100}: expected 1 to 255 characters"),
        ("[python-sig]", "[1]", "users.alice.groups[0]: expected a valid string"),
        ("    groups: [py", "    group: [py", "users.alice.group: there is no such key"),
        ("users: [alice]", "user: [alice]", "owners.rpms/kernel.user: there is no such key"),
        ("users: [alice]", "users: alice", "owners.rpms/kernel.users: expected a list"),
        ("owners:", "owner:", "owner: there is no such key; known: users, owners"),
        (CONTRACT, "owners: {}", "users: it is missing"),
        (CONTRACT, "", "expected a mapping"),
        (CONTRACT, "[]", "expected a mapping"),
        (CONTRACT, "users: {alice: }", "users.alice: expected a mapping"),
        # YAML.
        ("    groups:", "    groups: [a]\n    groups:", "line 4: the key 'groups' stands twice"),
        ("  alice:", "  alice: x:", "line 2: mapping values are not allowed here"),
        ("  alice:", "  1:", "line 2: a key is no string: quote it"),
    ],
)
def test_what_is_wrong_is_refused_by_file_path_and_expectation(
    old: str, new: str, expected: str
) -> None:
    assert old in CONTRACT
    assert refusal(CONTRACT.replace(old, new, 1)).startswith(expected)


ENTRY = """
destinations: {irc: {kind: irc, address: alice}}
rules:
- {name: Straße, filters: [{kind: topic, patterns: ["*"]}], destinations: [irc]}
"""


def test_rule_names_are_unique_after_case_folding() -> None:
    second = "- {name: STRASSE, everything: true, destinations: [irc]}"
    with pytest.raises(PreferencesError, match=r"alice\.yaml: rules\[1\]\.name: another rule"):
        a_user(ENTRY + second)
    assert len(a_user(ENTRY + second.replace("SS", "S")).rules) == 2


def test_two_users_may_use_the_same_names_and_addresses() -> None:
    indented = ENTRY.strip().replace("\n", "\n    ")
    book = a_book(f"users:\n  alice:\n    {indented}\n  bob:\n    {indented}\n")
    assert [user.rules[0].name for user in book.users] == ["Straße", "Straße"]
    assert [user.rules[0].destinations[0].user for user in book.users] == ["alice", "bob"]


def test_an_id_stands_once_in_a_book() -> None:
    indented = ENTRY.strip().replace("- {", "- {id: r1, ").replace("\n", "\n    ")
    text = f"users:\n  alice:\n    {indented}\n  bob:\n    {indented}\n"
    assert refusal(text).startswith("users.bob.rules[0].id: another rule has this id")


@pytest.mark.parametrize("asked", ["", "filters: [{kind: topic, patterns: [x], negate: true}], "])
def test_a_rule_that_asks_for_nothing_must_say_everything(asked: str) -> None:
    rule = f"rules: [{{name: all, {asked}destinations: [irc]}}]"
    destinations = "destinations: {irc: {kind: irc, address: alice}}\n"
    with pytest.raises(PreferencesError, match=r"rules\[0\]\.everything: expected true"):
        a_user(destinations + rule)
    with pytest.raises(PreferencesError, match=r"rules\[0\]\.everything: expected true"):
        a_user(destinations + rule.replace("name", "everything: false, name"))
    assert a_user(destinations + rule.replace("name", "everything: true, name")).rules[0].everything


def test_a_list_of_filters_that_is_written_must_not_be_empty() -> None:
    text = ENTRY.replace('[{kind: topic, patterns: ["*"]}]', "[], everything: true")
    with pytest.raises(PreferencesError, match=r"rules\[0\]\.filters: the list is empty"):
        a_user(text)


def test_a_rule_may_be_disabled() -> None:
    assert not a_user(ENTRY.replace("{name", "{enabled: false, name")).rules[0].enabled


def test_an_export_is_the_entry_with_ids_and_without_defaults() -> None:
    (alice,) = a_book().users
    email, irc = (replace(each, state=DestinationState.ACTIVE) for each in alice.destinations)
    exported = write_user(replace(alice, destinations=(email, irc)))
    assert (
        f"""\
groups: [python-sig]
destinations:
  email:
    id: {email.id}
    kind: email
    address: alice@example.org
    digest: {{every: 1h, at: 50}}
    quiet:
      from: '22:00'
      to: 07:00
      days: [mon, tue]
      errors_pass: true
  irc: {{id: {irc.id}, kind: irc, address: alice}}
rules:
- id: {alice.rules[0].id}
  name: My packages, when something breaks
  filters:
  - kind: owner
    users: [me]
    groups: [mine]
  - {{kind: severity, at_least: warning}}
  - kind: application
    names: [copr]
    negate: true
  destinations: [email, irc]
"""
        == exported
    )


def test_a_user_without_anything_is_an_empty_entry() -> None:
    assert write_user(Preferences(UserId("u-1"), "alice")) == "{}\n"


@given(preferences())
def test_what_is_exported_imports_as_it_was(alice: Preferences) -> None:
    read = a_user(write_user(alice))
    assert alice == replace(read, id=alice.id)


@given(st.lists(filters(), max_size=4))
def test_filters_survive_the_way_to_sql_and_back(asked: list[Filter]) -> None:
    assert tuple(asked) == filters_from_json(filters_to_json(asked), KINDS)


def test_filters_in_sql_keep_numbers_exact() -> None:
    text = '[{"kind":"field","path":"a","in":[1.10,true,123456789012345678901234567890,1E+400]}]'
    assert text == filters_to_json(filters_from_json(text, KINDS))


def test_a_filter_in_sql_that_no_kind_knows_is_refused() -> None:
    with pytest.raises(PreferencesError, match=r"filters: \[0\]\.kind: expected one of agent"):
        filters_from_json('[{"kind":"mood"}]', KINDS)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (None, True),
        (Memberships(), False),
        (Memberships({"alice": frozenset({"go-sig"})}), False),
        (Memberships({"alice": frozenset({"python-sig"})}), True),
    ],
)
def test_groups_are_as_written_unless_the_directory_says(
    groups: Memberships | None, expected: bool
) -> None:
    alice = replace(a_user(ENTRY), groups=("python-sig",))
    mine = replace(alice.rules[0], filters=(a_filter("group", groups=["mine"]),))
    rules = rule_set([replace(alice, rules=(mine,))], version=3, groups=groups)
    match = rules.match(a_message(groups=frozenset({"python-sig"})))
    assert expected is bool(match.rules)
    assert rules.version == 3


def test_a_rule_set_of_users_keeps_each_users_order_of_destinations() -> None:
    text = """
destinations: {b: {kind: irc, address: b}, a: {kind: irc, address: a}}
rules:
- {name: first, everything: true, destinations: [a]}
- {name: second, everything: true, destinations: [a, b]}
"""
    match = rule_set([a_user(text)]).match(a_message())
    assert [chosen.destination.name for chosen in match.destinations] == ["b", "a"]


# One rule, one destination: what forms and the API read and write.

ALICE = a_user(ENTRY)
WRITTEN: dict[str, Any] = {
    "name": "Mine",
    "filters": [{"kind": "user", "users": ["me"]}],
    "destinations": ["irc"],
}


def rule_read(**changes: Any) -> Rule:
    written = {name: value for name, value in (WRITTEN | changes).items() if value is not ...}
    return read_rule(written, preferences=ALICE, filters=KINDS)


def destination_read(name: str = "work", **changes: Any) -> Destination:
    written = {"kind": "email", "address": "alice@example.org"} | changes
    return read_destination(name, written, user="alice", senders=["email", "irc"])


@given(preferences())
def test_a_rule_is_read_as_it_was_written(alice: Preferences) -> None:
    for rule in alice.rules:
        assert json.dumps(write_rule(rule), default=float)
        assert rule == read_rule(write_rule(rule), preferences=alice, filters=KINDS)


def test_a_rule_without_an_id_gets_one() -> None:
    rule, other = rule_read(), rule_read()
    assert rule.id != other.id
    assert (rule.user, rule.name, rule.enabled, rule.everything) == ("alice", "Mine", True, False)
    assert rule.destinations == ALICE.destinations
    assert (rule.origin, rule.blocked) == ("", "")


def test_a_written_rule_has_lists_and_no_tuples() -> None:
    assert write_rule(rule_read(id="r-1", enabled=False)) == {
        "id": "r-1",
        "name": "Mine",
        "enabled": False,
        "filters": [{"kind": "user", "users": ["me"]}],
        "destinations": ["irc"],
    }


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        ({"name": ...}, ("name",), "it is missing"),
        ({"name": "a\ud800"}, ("name",), "expected no control characters and line breaks"),
        ({"destinations": ["irc", "x"]}, ("destinations", 1), "expected one of irc"),
        ({"filters": ...}, ("everything",), "expected true: no filter asks for something"),
        (
            {"filters": [WRITTEN["filters"][0], {"kind": "user", "users": ["me", 1]}]},
            ("filters", 1, "users", 1),
            "expected a valid string",
        ),
        (
            {"filters": [{"kind": "severity", "in": ["loud"]}]},
            ("filters", 0, "in", 0),
            "expected 'debug', 'info', 'warning' or 'error'",
        ),
        ({"filters": [{"kind": "owner"}]}, ("filters", 0), "expected `users` and/or `groups`"),
        ({"blocked": "no"}, ("blocked",), "there is no such key; known: id, name, enabled, "),
        ({"a\x1b": 1}, (r"a\x1b",), "there is no such key; known: id, name, enabled, "),
        ({"a\ud800": 1}, (), "there is half of a surrogate pair"),
        ({"filters": WRITTEN["filters"] * 51}, ("filters",), "expected at most 50 of these"),
        ({"destinations": ["irc"] * 101}, ("destinations",), "expected at most 100 of these"),
        (
            {"filters": [{"kind": "user", "users": ["x"] * 1001}]},
            ("filters", 0, "users"),
            "expected at most 1,000 of these",
        ),
        (
            {"filters": [{"kind": "user", "users": ["x" * 10_001]}]},
            ("filters", 0, "users", 0),
            "expected at most 10,000 characters",
        ),
        (
            {"filters": [{"kind": "user", "users": ["\ud800"]}]},
            ("filters", 0, "users", 0),
            "there is half of a surrogate pair",
        ),
    ],
)
def test_what_is_wrong_in_a_rule_is_refused_by_its_field(
    changes: dict[str, Any], path: tuple[str | int, ...], expected: str
) -> None:
    with pytest.raises(FieldError, match=r"^The preferences cannot be used: rule: ") as refused:
        rule_read(**changes)
    assert path == refused.value.path
    assert refused.value.expected.startswith(expected)
    assert str(refused.value).endswith(f": {refused.value.expected}")


def test_fifty_filters_and_a_hundred_destinations_are_not_too_many() -> None:
    assert len(rule_read(filters=WRITTEN["filters"] * 50).filters) == 50
    assert rule_read(destinations=["irc"] * 100).destinations == ALICE.destinations


@given(preferences())
def test_a_destination_is_read_as_it_was_written(alice: Preferences) -> None:
    for each in alice.destinations:
        written = write_destination(each)
        senders = ["email", "irc"]
        assert each == read_destination(each.name, written, user="alice", senders=senders)


def test_a_destination_that_is_read_is_unconfirmed_and_has_an_id() -> None:
    one, other = destination_read(), destination_read()
    assert one.id != other.id
    assert (one.user, one.name, one.state) == ("alice", "work", DestinationState.UNCONFIRMED)


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        ({"name": "My phone"}, ("name",), "expected 1 to 40 of a-z 0-9 -"),
        ({"kind": "pigeon"}, ("kind",), "expected one of email, irc"),
        ({"address": ""}, ("address",), "expected 1 to 2000 characters"),
        ({"digest": {"every": "1"}}, ("digest", "every"), "expected a number and a unit"),
        ({"state": "active"}, ("state",), "there is no such key; known: "),
    ],
)
def test_what_is_wrong_in_a_destination_is_refused_by_its_field(
    changes: dict[str, Any], path: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(FieldError, match=r"^The preferences cannot be used: destination: ") as no:
        destination_read(**changes)
    assert path == no.value.path
    assert no.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"groups": ["x"] * 1001}, "groups: expected at most 1,000 of these"),
        ({"groups": ["x" * 10_001]}, r"groups\[0\]: expected at most 10,000 characters"),
        (
            {"destinations": {f"d{n}": {"kind": "irc", "address": f"{n}"} for n in range(101)}},
            "destinations: expected at most 100 of these",
        ),
        (
            {"rules": [{"name": f"{n}", "destinations": ["irc"]} for n in range(1001)]},
            "rules: expected at most 1,000 of these",
        ),
    ],
)
def test_a_user_writes_only_so_much(entry: dict[str, Any], expected: str) -> None:
    with pytest.raises(FieldError, match=rf"alice\.yaml: {expected}$"):
        a_user(strict_yaml.write(entry))
