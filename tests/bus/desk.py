"""A decoder at work, and a valid message to change."""

import json
from typing import Any

from fmn.bus.facts import Decoder
from fmn.config import Bus
from fmn.model import Message

TOPIC = "org.fedoraproject.prod.buildsys.build.state.change"
SCHEMA = "fedora_messaging_schema"
BUILD = {
    "name": "kernel",
    "version": "6.9",
    "release": "1.fc45",
    "epoch": None,
    "attribute": "state",
    "build_id": 1,
    "owner": "alice",
    "instance": "primary",
    "url": "https://koji.example.org/1",
    "task_id": None,
    "task": None,
    "request": None,
    "old": 0,
    "new": 1,
    "creation_time": "2026-05-04T08:00:00+00:00",
    "completion_time": None,
}
KOJI = {SCHEMA: "koji_fedoramessaging.build.BuildStateChangeV1"}


class Desk:
    """A decoder, and what it warned of."""

    def __init__(self, **settings: Any) -> None:
        self.warnings: list[tuple[str, str]] = []
        self.decoder = Decoder(Bus(**settings), warn=self._warn)

    def _warn(self, schema: str, name: str) -> None:
        self.warnings.append((schema, name))

    def line(self, headers: Any, body: Any, **others: Any) -> Message:
        line = {"id": "m1", "topic": TOPIC, "headers": headers, "body": body} | others
        return self.decoder.line(json.dumps(line).encode())


def decode(headers: Any, body: Any = None, **others: Any) -> Message:
    """Decode a line; nothing may be warned of."""
    desk = Desk()
    message = desk.line(headers, {} if body is None else body, **others)
    assert desk.warnings == []
    return message
