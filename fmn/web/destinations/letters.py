"""Letters: messages that fmn writes itself, to ask an address to confirm, or to try it."""

from dataclasses import replace
from datetime import datetime
from secrets import token_hex

import msgspec

from fmn.kinds import Proof
from fmn.links import Confirm, Links
from fmn.model import Destination, Message, MessageId, Notification, key_of

CONFIRM = "fmn-own-confirm-"
TEST = "fmn-own-test-"
"""How the ids of these messages begin."""

LINK_TEXT = """\
{user} asked fmn to send notifications to this address, as “{name}”.

Was that you? Open the link within a day and press the button on its page.
Was it not? Do nothing: without your word nothing more comes."""

CODE_TEXT = """\
{user} asked fmn to send notifications to {shown}, as “{name}”.

If that is fine with you, this is the code: {code}
If you are {user}, type it{where}; if not, give it to {user}.
It works until the end of tomorrow, UTC.
If it is not fine, do nothing: without the code nothing more comes."""

ANSWER_TEXT = """\
{user} asked fmn to send notifications to {shown}, as “{name}”.

If that is fine with you, let it answer this with the code: {code}
If it is not fine, let it answer anything else: without the code nothing more comes."""


def by_link(to: Destination, links: Links, now: datetime) -> tuple[Message, Notification]:
    """Return what asks whoever reads this address to open a link."""
    text = LINK_TEXT.format(user=to.user, name=to.name)
    letter = _letter(CONFIRM, "fmn.confirmation", now)
    url = links.address(Confirm(to.id)) or None
    summary = "Shall your notifications come here?"
    return _to(replace(letter, summary=summary, text=text, url=url), to)


def by_code(
    to: Destination, proof: Proof, links: Links, *, shown: str, now: datetime
) -> tuple[Message, Notification]:
    """Return what brings a code to an address, which is `shown` without what is secret in it.

    Somebody types it on our pages, or what stands there answers it. A sender finds it in the body,
    which is `{"code", "user"}`.
    """
    code = links.code(to.id, now)
    where = f" at {links.url}/destinations" if links.url else " on the page of your destinations"
    said = {"user": to.user, "name": to.name, "shown": shown, "code": code, "where": where}
    text = (ANSWER_TEXT if proof is Proof.ANSWER else CODE_TEXT).format_map(said)
    letter = replace(
        _letter(CONFIRM, "fmn.confirmation", now),
        summary=f"{to.user} asks: shall notifications come here?",
        text=text,
        body=msgspec.json.encode({"code": code, "user": to.user}),
    )
    return _to(letter, to)


def test(to: Destination, now: datetime) -> tuple[Message, Notification]:
    """Return what shows that a destination works."""
    text = f"You asked for it on the page of your destinations, for “{to.name}”."
    summary = "This is a test: notifications arrive here"
    return _to(replace(_letter(TEST, "fmn.test", now), summary=summary, text=text), to)


def _letter(begins: str, topic: str, now: datetime) -> Message:
    return Message(MessageId(begins + token_hex(8)), topic, app="fmn", sent_at=now)


def _to(letter: Message, to: Destination) -> tuple[Message, Notification]:
    return letter, Notification(key_of(letter.id, to.id), to, rules={})
