"""Outgoing: what has no message behind it goes the way of everything else, and is counted."""

import asyncio
from datetime import timedelta

from fmn.config import Retry
from fmn.emission import Content, Recipient
from fmn.queues.claims import Claims
from fmn.queues.figures import figures
from fmn.queues.outbox import Lane
from fmn.queues.outgoing import put
from fmn.report.gathered import ledger_of
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Join

IRC = Content("irc", "a test", "a test")


async def test_a_chunk_is_sent_and_the_ledger_has_it(join: Join) -> None:
    sent, stop = list[str](), asyncio.Event()

    async def send(content: Content, recipient: Recipient) -> None:
        sent.append(f"{content.subject} to {recipient.address}")
        stop.set()

    async with join("sender") as sender:
        await put(sender.connection, 1, [a_chunk(a_recipient("test-1"))])
        before = ledger_of(await figures(sender.connection)).notifications
        claims = Claims(sender.connection, sender.life, lifetime=timedelta(days=1))
        lane = Lane(sender.connection, sender.life, "email", claims=claims, retry=Retry())
        async with asyncio.timeout(30):
            await lane.each(send, stop, at_once=1)
        after = ledger_of(await figures(sender.connection)).notifications
    assert sent == ["kernel was built to alice@example.org"]
    assert (before.made, before.waiting, before.sent, before.residual) == (1, 1, 0, 0)
    assert (after.made, after.waiting, after.sent, after.residual) == (1, 0, 1, 0)


async def test_chunks_of_several_kinds_are_each_made_in_their_lane(join: Join) -> None:
    two = a_chunk(a_recipient("test-1"), a_recipient("test-2"))
    async with join("web") as web:
        await put(web.connection, 0, [two, a_chunk(a_recipient("test-3"), content=IRC)])
        stand = await figures(web.connection)
    assert stand[0].waiting == {"email": 2, "irc": 1}
    assert ledger_of(stand).balanced
    assert stand[0].messages_waiting == 0
    assert stand[0].counts["handled"] == 0  # no message was
