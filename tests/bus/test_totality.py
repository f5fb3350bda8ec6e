"""Whatever comes: a message, or UndecodableMessage."""

import json
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from fmn.bus.facts import FACTS
from fmn.errors import UndecodableMessage
from fmn.model import Message
from tests.bus.desk import BUILD, KOJI, SCHEMA, Desk

SCHEMAS = sorted(point.name for point in entry_points(group="fedora.messages"))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["None", "alice", "rpms/kernel", "\ud800", "\x00", "a\r\nb", "1" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "name",
    "msg",
    "agent",
    "user",
    "users",
    "update",
    "builds",
    "nvr",
    "project",
    "repo",
    "pkg",
]
bodies = st.dictionaries(st.sampled_from(KEYS) | st.text(), json_values)
headers = st.dictionaries(
    st.sampled_from(["sent-at", "fedora_messaging_severity", "fmn_private"])
    | st.text().map("fedora_messaging_user_".__add__)
    | st.text(),
    json_values,
)


@cache
def desk() -> Desk:
    return Desk(max_body=100_000)


def is_total(decode: Any, *arguments: Any, **named: Any) -> None:
    """Whatever is decoded can be encoded again, or it is refused."""
    try:
        message: Message = decode(*arguments, **named)
    except UndecodableMessage:
        return
    assert 0 < len(message.id) <= 255
    assert message.id.isprintable()
    "".join([message.topic, message.summary, message.text, *message.users]).encode()
    json.loads(message.body)


@given(st.binary(max_size=2000))
@example(b"\x00")
@example(b'{"id":"m1","topic":"t","body":' + b'{"a":' * 5000)
@example(b"[" * 90_000)
def test_any_bytes(raw: bytes) -> None:
    is_total(desk().decoder.line, raw)
    is_total(desk().decoder.delivery, raw, topic="t")
    is_total(desk().decoder.delivery, raw, topic="t", content_type=FACTS)


@given(st.dictionaries(st.sampled_from(["id", "topic", "headers", "body", "users"]), json_values))
def test_any_json_as_a_line(line: Any) -> None:
    is_total(desk().decoder.line, json.dumps(line).encode())


@given(st.sampled_from(SCHEMAS), headers, bodies)
def test_any_body_under_any_schema(schema: str, others: Any, body: Any) -> None:
    line = {"id": "m1", "topic": "t", "headers": others | {SCHEMA: schema}, "body": body}
    is_total(desk().decoder.line, json.dumps(line).encode())
    raw = json.dumps(body).encode()
    is_total(desk().decoder.delivery, raw, topic="t", headers=others | {SCHEMA: schema})


@given(st.sampled_from(sorted(BUILD)), json_values)
def test_a_good_body_with_one_thing_wrong(name: str, value: Any) -> None:
    raw = json.dumps(BUILD | {name: value}).encode()
    is_total(desk().decoder.delivery, raw, topic="t", headers=KOJI)


@given(st.text(), st.text(), st.text(max_size=20))
def test_any_properties_of_a_delivery(topic: str, message_id: str, encoding: str) -> None:
    writable = [one.encode(errors="replace").decode() for one in (topic, message_id, encoding)]
    topic, message_id, encoding = writable
    decode = desk().decoder.delivery
    is_total(decode, b"{}", topic=topic, message_id=message_id, content_encoding=encoding)


def test_depth_is_refused_and_never_a_crash() -> None:
    for depth in (100, 1000, 20_000):
        for open_, shut in (("[", "]"), ('{"a":', "}")):
            body = '{"a": ' + open_ * depth + "1" + shut * depth + "}"
            for schema in ("copr.build.end", "bodhi.update.edit.v2", "none"):
                is_total(
                    desk().decoder.delivery, body.encode(), topic="t", headers={SCHEMA: schema}
                )
