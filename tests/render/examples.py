"""A message that has everything, and who asked for it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from fmn.model import (
    Destination,
    DestinationId,
    Message,
    MessageId,
    Notification,
    Origin,
    RuleId,
    Severity,
    key_of,
)
from fmn.render.content import Templates

ORIGIN = Origin("0 1-0")
BUILD = Message(
    MessageId("m1"),
    "org.fedoraproject.prod.buildsys.build.state.change",
    app="Koji",
    agent="alice",
    artifacts=frozenset({"rpms/chromium"}),
    severity=Severity.WARNING,
    summary="Build FAILED: alice's chromium-80.0-1.fc33",
    text="Package:    chromium\n  Status:     failed\n",
    url="https://koji.example.org/build?a=1&b=2",
    sent_at=datetime(2026, 3, 17, 1, 58, 26, tzinfo=UTC),
    body=json.dumps(
        {"name": "chromium", "version": "80.0", "release": "1.fc33", "new": 3}
    ).encode(),
)
PLAIN = replace(BUILD, app="Kiln")
"""Of an application nobody wrote a template for: it reads as published."""
OWN = Templates()


def a_notification(
    destination: str = "d1", kind: str = "email", rules: tuple[str, ...] = ("My packages",)
) -> Notification:
    address = f"{destination}@example.org"
    chosen = {RuleId(f"r{n}"): rule for n, rule in enumerate(rules)}
    place = Destination(DestinationId(destination), "alice", "mine", kind, address)
    return Notification(key_of(BUILD.id, place.id), place, chosen)
