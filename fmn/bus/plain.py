"""Plain facts: the form of our own in which a message may come."""

from typing import Literal

import msgspec

from fmn.bus.envelope import identity, utc
from fmn.errors import UndecodableMessage
from fmn.model import Message, Severity

Text = str | None
Names = list[str] | None


class Facts(msgspec.Struct, forbid_unknown_fields=True):
    """A line of plain facts. What is null is absent."""

    id: str
    topic: str
    app: Text = None
    agent: Text = None
    users: Names = None
    groups: Names = None
    artifacts: Names = None
    severity: Literal["debug", "info", "warning", "error"] | None = None
    summary: Text = None
    text: Text = None
    url: Text = None
    sent_at: Text = None
    """ISO 8601."""
    private: bool | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")

    def message(self) -> Message:
        """Return them as a message. Raises UndecodableMessage."""
        if not self.id:
            raise UndecodableMessage("the id is empty - at `$.id`")
        try:
            sent_at = utc(self.sent_at) if self.sent_at else None
        except ValueError:
            raise UndecodableMessage(f"{self.sent_at!r} is not ISO 8601 - at `$.sent_at`") from None
        return Message(
            id=identity(self.id, self.topic, {}, b""),
            topic=self.topic,
            app=self.app or None,
            agent=self.agent or None,
            users=_names(self.users),
            groups=_names(self.groups),
            artifacts=_names(self.artifacts),
            severity=Severity[(self.severity or "info").upper()],
            summary=self.summary or "",
            text=self.text or "",
            url=self.url or None,
            sent_at=sent_at,
            private=bool(self.private),
            body=bytes(self.body),
        )


def _names(names: Names) -> frozenset[str]:
    return frozenset(name for name in names or () if name)
