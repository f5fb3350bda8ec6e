"""What messages lead to, derived by hand from the contract: `expected/`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fmn.model import Message, MessageId, Severity
from fmn.preferences.codec import read_book
from fmn.preferences.values import Book, rule_set
from tests.rules.cases import KINDS

FOLDER = Path(__file__).parent / "expected"


def a_message(line: str, book: Book) -> Message:
    facts = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    body = bytes(facts.pop("body", msgspec.Raw(b"null")))  # as written, so numbers stay exact
    known: dict[str, Any] = {name: json.loads(bytes(raw)) for name, raw in facts.items()}
    for name in ("users", "groups", "artifacts"):
        known[name] = frozenset(known.get(name, ()))
    return Message(
        id=MessageId(known.pop("id")),
        severity=Severity[known.pop("severity", "info").upper()],
        owners=tuple(owned for owned in book.owners if owned.artifact in known["artifacts"]),
        body=body,
        **known,
    )


def lines(book: Book) -> Iterator[dict[str, Any]]:
    rules = rule_set(book.users)
    for line in (FOLDER / "messages.jsonl").read_text().splitlines():
        message = a_message(line, book)
        for user, (matching, destinations) in rules.match(message).by_user().items():
            yield {
                "message": message.id,
                "user": user,
                "rules": [rule.name for rule in matching],
                "destinations": [destination.name for destination in destinations],
            }


def test_messages_lead_to_what_the_contract_says() -> None:
    file = FOLDER / "rules.yaml"
    book = read_book(file.read_text(), where=file.name, filters=KINDS, senders={"email", "irc"})
    expected = [json.loads(line) for line in (FOLDER / "expected.jsonl").read_text().splitlines()]
    assert list(lines(book)) == expected


def test_every_kind_of_filter_has_an_example() -> None:
    text = (FOLDER / "rules.yaml").read_text()
    assert all(f"{{kind: {kind}," in text for kind in KINDS)
