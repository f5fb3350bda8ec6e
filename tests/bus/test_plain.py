"""Plain facts, as a line of a file."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from fmn.bus.facts import ROOM, Decoder
from fmn.config import Bus
from fmn.errors import UndecodableMessage
from fmn.model import Message, MessageId, Severity

LEAST = {"id": "m1", "topic": "a.b"}
NAMES = ["app", "agent", "users", "groups", "artifacts", "severity"]
OPTIONAL = [*NAMES, "summary", "text", "url", "sent_at", "private", "body"]


def no_warning(schema: str, name: str) -> None:
    pytest.fail(f"warned of {schema} {name}")


def decode(facts: Any, **settings: Any) -> Message:
    raw = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    return Decoder(Bus(**settings), warn=no_warning).line(raw)


def test_every_fact_arrives() -> None:
    assert decode(
        {
            "id": "m1",
            "topic": "a.b",
            "app": "koji",
            "agent": "alice",
            "users": ["alice", "bob"],
            "groups": ["python-sig"],
            "artifacts": ["rpms/kernel", "containers/a/b"],
            "severity": "warning",
            "summary": "one line",
            "text": "many\nlines",
            "url": "https://example.org/1",
            "sent_at": "2026-05-04T10:00:00+02:00",
            "private": True,
            "body": {"a": [1.0]},
        }
    ) == Message(
        id=MessageId("m1"),
        topic="a.b",
        app="koji",
        agent="alice",
        users=frozenset({"alice", "bob"}),
        groups=frozenset({"python-sig"}),
        artifacts=frozenset({"rpms/kernel", "containers/a/b"}),
        severity=Severity.WARNING,
        summary="one line",
        text="many\nlines",
        url="https://example.org/1",
        sent_at=datetime(2026, 5, 4, 8, tzinfo=UTC),
        private=True,
        body=b'{"a": [1.0]}',
    )


def test_id_and_topic_are_enough_and_the_rest_is_absent() -> None:
    message = decode(LEAST)
    assert message == Message(id=MessageId("m1"), topic="a.b")
    assert (message.severity, message.content) == (Severity.INFO, None)


@pytest.mark.parametrize("name", OPTIONAL)
def test_null_is_absent(name: str) -> None:
    assert decode(LEAST | {name: None}) == decode(LEAST)


@pytest.mark.parametrize("name", ["debug", "info", "warning", "error"])
def test_severities_have_names(name: str) -> None:
    assert decode(LEAST | {"severity": name}).severity == Severity[name.upper()]


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-05-04T10:00:00Z", 10),
        ("2026-05-04T10:00:00+02:00", 8),
        ("2026-05-04 10:00:00-02:00", 12),
        ("20260504T100000Z", 10),
        ("2026-05-04T10:00:00.000", 10),
    ],
)
def test_times_are_utc(written: str, hour: int) -> None:
    sent_at = decode(LEAST | {"sent_at": written}).sent_at
    assert sent_at == datetime(2026, 5, 4, hour, tzinfo=UTC)
    assert sent_at is not None
    assert sent_at.utcoffset() == UTC.utcoffset(None)


def test_the_body_stays_as_it_was_written() -> None:
    body = b'{"b":1.50,  "a":12345678901234567890123, "c":"\\u00e9"}'
    message = decode(b'{"id":"m1","topic":"t","body":' + body + b"}")
    assert message.body == body
    assert message.content["a"] == 12345678901234567890123


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"not JSON", "malformed"),
        (b'{"id": "m1", "topic": "t"} {}', "malformed"),
        (b'{"id": "m1", "topic": "t", "body": NaN}', "malformed"),
        (b"[]", "Expected `object`, got `array`"),
        (b'"text"', "Expected `object`, got `str`"),
        (b"{}", "`topic`"),
        (b'{"topic": "t"}', "`id`"),
        (b'{"id": "m1"}', "`topic`"),
        (b'{"id": "", "topic": "t"}', "$.id"),
        (b'{"id": 1, "topic": "t"}', "$.id"),
        (b'{"id": "m1", "topic": ["t"]}', "$.topic"),
        (b'{"id": "m1", "topic": "t", "users": "alice"}', "$.users"),
        (b'{"id": "m1", "topic": "t", "users": ["alice", 1]}', "$.users[1]"),
        (b'{"id": "m1", "topic": "t", "groups": {}}', "$.groups"),
        (b'{"id": "m1", "topic": "t", "artifacts": [null]}', "$.artifacts[0]"),
        (b'{"id": "m1", "topic": "t", "severity": "loud"}', "$.severity"),
        (b'{"id": "m1", "topic": "t", "severity": 20}', "$.severity"),
        (b'{"id": "m1", "topic": "t", "summary": 1}', "$.summary"),
        (b'{"id": "m1", "topic": "t", "private": "yes"}', "$.private"),
        (b'{"id": "m1", "topic": "t", "sent_at": "yesterday"}', "'yesterday' is not ISO 8601"),
        (b'{"id": "m1", "topic": "t", "sent_at": "0001-01-01T00:00:00+10:00"}', "$.sent_at"),
        (b'{"id": "m1", "topic": "t", "sumary": "x"}', "unknown field `sumary`"),
        (b'{"id": "m1", "topic": "\xff"}', "not UTF-8"),
        pytest.param(
            b'{"id": "m1", "topic": "t", "body": ' + b"[" * 100_000, "nested too deeply", id="deep"
        ),
    ],
)
def test_what_is_wrong_is_said(line: bytes, reason: str) -> None:
    with pytest.raises(UndecodableMessage) as refused:
        decode(line)
    assert reason in str(refused.value)


def test_an_id_of_255_printable_characters_is_taken_as_it_is() -> None:
    longest = "é" * 254 + "!"
    assert decode(LEAST | {"id": longest}).id == longest


@pytest.mark.parametrize("given", ["x" * 256, "a\nb", "a\x00", "\u200b", "a\u2028b"])
def test_another_id_becomes_its_hash(given: str) -> None:
    assert decode(LEAST | {"id": given}).id == sha256(given.encode()).hexdigest()


def test_half_a_surrogate_pair_becomes_the_sign_for_unknown() -> None:
    body = rb'["\\ud800", "\uDFFF", "\ud83d\ude00"]'
    message = decode(rb'{"id": "m1", "topic": "t", "summary": "a\ud800b", "body": ' + body + b"}")
    assert message.summary == "a\ufffdb"
    assert message.content == ["\\ud800", "\ufffd", "😀"]
    message.body.decode()


@pytest.mark.parametrize(
    ("topic", "private"),
    [
        ("org.secret.one", True),
        ("org.secret.a.b", True),
        ("org.open", False),
        ("ORG.SECRET.x", False),
    ],
)
def test_a_topic_can_make_a_message_private(topic: str, private: bool) -> None:
    message = decode(LEAST | {"topic": topic}, private_topics=["org.secret.*"])
    assert message.private is private


def test_a_line_may_have_room_beside_the_body_and_no_more() -> None:
    most = 1000 + ROOM
    empty = len(json.dumps(LEAST | {"text": ""}))
    longest = decode(LEAST | {"text": "x" * (most - empty)}, max_body=1000)
    assert len(longest.text) == most - empty
    with pytest.raises(UndecodableMessage, match=r"too large.*bus\.max_body"):
        decode(LEAST | {"text": "x" * (most - empty + 1)}, max_body=1000)


def test_an_id_that_only_fmn_itself_may_give_becomes_its_hash() -> None:
    forged = "fmn-own-test-1"
    assert decode(LEAST | {"id": forged}).id == sha256(forged.encode()).hexdigest()
