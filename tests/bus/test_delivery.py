"""Messages as they come over AMQP, and as they are published from a file."""

import json
from typing import Any

import pytest

from fmn.bus.facts import FACTS
from fmn.errors import UndecodableMessage
from fmn.model import Message, Severity
from tests.bus.desk import BUILD, KOJI, TOPIC, Desk, decode


def deliver(body: bytes, **properties: Any) -> Message:
    return Desk(max_body=1000).decoder.delivery(body, **{"topic": TOPIC} | properties)


def test_a_delivery_is_the_line_of_a_file() -> None:
    headers = KOJI | {"sent-at": "2026-05-04T10:00:00+02:00"}
    raw = json.dumps(BUILD).encode()
    delivered = deliver(raw, message_id="m1", headers=headers, content_type="application/json")
    assert delivered == decode(headers, BUILD)


def test_plain_facts_are_known_by_their_content_type() -> None:
    delivered = deliver(b'{"id": "p1", "topic": "a.b", "app": "x"}', content_type=FACTS)
    assert (delivered.id, delivered.topic, delivered.app) == ("p1", "a.b", "x")


def test_a_delivery_may_lack_everything_but_a_body() -> None:
    message = deliver(b"{}", topic="")
    assert (message.topic, message.severity, message.body) == ("", Severity.INFO, b"{}")


def test_a_message_delivered_again_is_the_same() -> None:
    again = {"x-delivery-count": 1, "x-death": [{"count": 1}]}
    assert deliver(b"{}", headers={"a": 1}).id == deliver(b"{}", headers={"a": 1} | again).id
    assert deliver(b"{}", headers={"a": 1}).id != deliver(b"{}", headers={"a": 2}).id
    assert deliver(b"{}").id != deliver(b"{}", topic="other").id


@pytest.mark.parametrize("encoding", [None, "utf-8", "UTF-8", "utf8"])
def test_a_body_in_utf8_stays_as_it_is(encoding: str | None) -> None:
    body = '{ "a": "é" }'.encode()
    assert deliver(body, content_encoding=encoding).body == body


def test_a_body_in_another_encoding_becomes_utf8() -> None:
    text = '{"a": "é"}'
    for encoding in ("utf-16", "latin-1", "UTF-32"):
        assert deliver(text.encode(encoding), content_encoding=encoding).body == text.encode()


@pytest.mark.parametrize("encoding", ["gzip", "zlib", "idna", "rot13", "no such", "\0", ""])
def test_an_encoding_that_is_not_jsons_is_refused(encoding: str) -> None:
    if encoding == "":
        assert deliver(b"{}", content_encoding=encoding).body == b"{}"
        return
    with pytest.raises(UndecodableMessage, match="content encoding"):
        deliver(b"{}", content_encoding=encoding)


@pytest.mark.parametrize(
    "body", [b"", b"nope", b'{"a": NaN}', b'{"a": Infinity}', b"\xef\xbb\xbf{}"]
)
def test_a_body_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableMessage, match="the body is not JSON"):
        deliver(body)


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    fits = b'{"a":"' + b"x" * (1000 - 8) + b'"}'
    assert deliver(fits).body == fits
    with pytest.raises(UndecodableMessage, match="too large"):
        deliver(fits + b" ")
    decoder = Desk(max_body=1000).decoder
    line = b'{"id": "m1", "topic": "t", "headers": {}, "body": %s}'
    assert decoder.line(line % fits).body == fits
    with pytest.raises(UndecodableMessage, match="too large"):
        decoder.line(line % fits.replace(b":", b": "))


def test_numbers_of_any_size_are_taken() -> None:
    raw = b'{"build": 1' + b"0" * 900 + b', "x": 1e999}'
    assert deliver(raw, headers=KOJI).content["build"] == 10**900
    huge = b'{"build": 1' + b"0" * 5000 + b"}"
    assert Desk().decoder.delivery(huge, topic="t").body == huge


def published(line: bytes) -> Message:
    """Publish a line and take it in again, without a server between."""
    decoder = Desk().decoder
    sent = decoder.publication(line)
    return decoder.delivery(
        sent.body,
        topic=sent.topic,
        message_id=sent.id,
        headers=sent.headers,
        content_type=sent.content_type,
        content_encoding="utf-8",
    )


@pytest.mark.parametrize(
    "line",
    [
        {"id": "m1", "topic": "t", "headers": KOJI | {"a": [1, 2.5, None]}, "body": BUILD},
        {"topic": "t", "headers": {}, "body": {}},
        {"id": "x" * 300, "topic": "t", "headers": {}, "body": {}},
        {"id": "p1", "topic": "t", "users": ["alice"], "body": [1]},
    ],
)
def test_what_is_published_arrives_as_the_file_had_it(line: dict[str, Any]) -> None:
    raw = json.dumps(line).encode()
    assert published(raw) == Desk().decoder.line(raw)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"topic": "t" * 256}, "$.topic"),
        ({"id": "é" * 200}, "$.id"),
        ({"headers": {"n": 10**30}}, "$.headers"),
        ({"headers": {"n" * 129: 1}}, "$.headers"),
        ({"headers": {"n": "x" * 100_001}}, "$.headers"),
    ],
)
def test_what_amqp_cannot_carry_is_refused(changes: dict[str, Any], where: str) -> None:
    line = {"id": "m1", "topic": "t", "headers": {}, "body": {}} | changes
    with pytest.raises(UndecodableMessage) as refused:
        Desk(max_body=10**6).decoder.publication(json.dumps(line).encode())
    assert where in str(refused.value)
