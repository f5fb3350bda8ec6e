"""Letters: messages that fmn writes itself, to ask an address to confirm, or to try it."""

from datetime import datetime
from secrets import token_hex

from fmn.links import Confirm, Links
from fmn.model import Destination, Message, MessageId, Notification, key_of

CONFIRM = "fmn-own-confirm-"
TEST = "fmn-own-test-"
"""How the ids of these messages begin."""


def confirmation(
    destination: Destination, links: Links, now: datetime
) -> tuple[Message, Notification]:
    """Return what asks whoever reads this address whether it may be written to."""
    message = Message(
        id=MessageId(CONFIRM + token_hex(8)),
        topic="fmn.confirmation",
        app="fmn",
        summary="Shall your notifications come here?",
        text=(
            f"{destination.user} asked fmn to send notifications to this address, as “"
            f"{destination.name}”.\n\n"
            "Was that you? Open the link within a day and press the button on its page.\n"
            "Was it not? Do nothing: without your word nothing more comes."
        ),
        url=links.address(Confirm(destination.id)) or None,
        sent_at=now,
    )
    return message, _notification(message, destination)


def test(destination: Destination, now: datetime) -> tuple[Message, Notification]:
    """Return what shows that a destination works."""
    message = Message(
        id=MessageId(TEST + token_hex(8)),
        topic="fmn.test",
        app="fmn",
        summary="This is a test: notifications arrive here",
        text=f"You asked for it on the page of your destinations, for “{destination.name}”.",
        sent_at=now,
    )
    return message, _notification(message, destination)


def _notification(message: Message, destination: Destination) -> Notification:
    return Notification(key_of(message.id, destination.id), destination, rules={})
