"""A history for the pages: what was handled and when."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fmn.emission import Handled
from fmn.model import Message
from fmn.web.parts import Parts
from tests.factories import a_message
from tests.storage.factories import recorded

NOW = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
"""A Tuesday."""


def some_messages(many: int, **facts: Any) -> list[Message]:
    """Return so many messages, alike but for their ids."""
    name = facts.pop("name", "m")
    return [a_message(f"{name}-{number}", **facts) for number in range(many)]


async def handled(parts: Parts, messages: Iterable[Message], at: datetime) -> None:
    """Record these as handled, one second after the other, the last one at this time."""
    messages = list(messages)
    ages = range(len(messages) - 1, -1, -1)
    lines = (
        Handled(message, at - timedelta(seconds=age), 1, 0)
        for message, age in zip(messages, ages, strict=True)
    )
    await recorded(parts.engine, *lines)
