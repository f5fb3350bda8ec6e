"""The demo's messages and rules: valid, and together they show everything."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fedora_messaging.message import loads

from fmn import demo
from fmn.bus.facts import Decoder
from fmn.bus.file import read_lines
from fmn.config import Bus
from fmn.kinds import kinds, load
from fmn.model import Message, Severity
from fmn.preferences.codec import read_book
from fmn.preferences.values import Book, rule_set

FOLDER = Path(demo.__path__[0])
MESSAGES = FOLDER / "messages.jsonl"
RULES = FOLDER / "rules.yaml"


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    warned: list[tuple[str, str]] = []
    decoder = Decoder(Bus(), warn=lambda *what: warned.append(what))
    found = [decoder.line(raw) for _, raw in read_lines(str(MESSAGES), Bus().max_body)]
    assert warned == []
    return found


@pytest.fixture(scope="module")
def book() -> Book:
    filters = {kind: load(at) for kind, at in kinds("fmn.rules.filters").items()}
    return read_book(RULES.read_text(), where=RULES.name, filters=filters, senders={"email", "irc"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_message_is_valid_under_its_schema() -> None:
    for message in loads(MESSAGES.read_text()):
        message.validate()


def test_the_messages_show_what_messages_can_be(messages: list[Message]) -> None:
    assert 24 <= len(messages) <= 40
    assert len({message.id for message in messages}) == len(messages)
    assert {message.severity for message in messages} == set(Severity)
    assert {"Koji", "bodhi", "Pagure", "Copr", "FAS", "anitya"} <= {m.app for m in messages}
    assert sum(message.private for message in messages) == 1
    assert any("\r\n" in message.summary for message in messages)
    assert any(not message.summary.isascii() for message in messages)
    assert {"rpms", "containers"} <= {a.split("/")[0] for m in messages for a in m.artifacts}
    assert all(m.sent_at and m.sent_at.year == 2026 for m in messages)
    assert {message.agent for message in messages} >= {None, "alice", "bob"}
    assert any(message.groups for message in messages)


def test_the_rules_show_every_kind_of_filter(book: Book) -> None:
    rules = [rule for user in book.users for rule in user.rules]
    filters = [one for rule in rules for one in rule.filters]
    assert {one.kind for one in filters} == set(kinds("fmn.rules.filters"))
    assert any(one.negate for one in filters)
    assert any(rule.everything for rule in rules)
    assert {one.kind for user in book.users for one in user.destinations} == {"email", "irc"}


def test_each_rule_that_is_enabled_matches_a_message(book: Book, messages: list[Message]) -> None:
    owners = {one.artifact: one for one in book.owners}
    everybody = rule_set(book.users)
    matched: Counter[str] = Counter()
    for message in messages:
        owned = tuple(owners[a] for a in sorted(message.artifacts) if a in owners)
        for rule in everybody.match(replace(message, owners=owned)).rules:
            matched[rule.name] += 1
    enabled = {rule.name for user in book.users for rule in user.rules if rule.enabled}
    disabled = {rule.name for user in book.users for rule in user.rules if not rule.enabled}
    assert set(matched) == enabled
    assert len(disabled) == 1
