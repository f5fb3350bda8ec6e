"""While the server behind a lane is away the lane pauses, and nobody's attempt is burnt."""

import asyncio
from collections import Counter

from fmn.emission import Content, Outcome, Recipient, State
from fmn.errors import PeerAway
from fmn.queues.outgoing import put
from tests.factories import a_chunk, a_recipient
from tests.queues.conftest import Join
from tests.queues.road import QUICK, lines_of, send_all, totals


async def test_a_server_that_is_away_burns_no_attempts(join: Join) -> None:
    """Away for more tries than a notification has attempts; then everybody is served."""
    away, sent, reached = QUICK.attempts + 1, Counter[str](), asyncio.Event()
    tried = Counter[str]()

    async def send(_content: Content, recipient: Recipient) -> None:
        tried["all"] += 1
        if tried["all"] <= away:
            raise PeerAway("mail server: connection refused")
        sent[recipient.keys[0]] += 1
        if len(sent) == 20:
            reached.set()

    async with join("sender") as sender, join("recorder") as recorder:
        recipients = [a_recipient(destination=f"d-{i}") for i in range(20)]
        await put(sender.connection, 0, [a_chunk(*recipients)])
        await send_all(sender, send, reached, at_once=1)
        lines = [line for line in await lines_of(recorder, 20) if isinstance(line, Outcome)]
        counts = await totals(sender)

    assert set(sent.values()) == {1}
    assert {(line.state, line.attempts) for line in lines} == {(State.SENT, 1)}
    assert (counts["sent email"], counts["retried email"], counts["dead email"]) == (20, 0, 0)


async def test_while_it_is_away_one_attempt_finds_out_for_all(join: Join) -> None:
    """Of twenty at once each fails once at most; then only probes go through."""
    tried, probed, closed = Counter[str](), asyncio.Event(), asyncio.Event()

    async def send(_content: Content, recipient: Recipient) -> None:
        tried[recipient.keys[0]] += 1
        if closed.is_set():
            probed.set()
        elif tried.total() == 20:
            closed.set()
        raise PeerAway("mail server: connection refused")

    async with join("sender") as sender:
        recipients = [a_recipient(destination=f"d-{i}") for i in range(20)]
        await put(sender.connection, 0, [a_chunk(*recipients)])
        await send_all(sender, send, probed, at_once=20)
        waiting = await sender.connection.do("ZCARD", "fmn:{0}:retry:email")
        counts = await totals(sender)

    assert tried.total() == 21
    assert waiting == 1  # given back in one chunk when the sender was told to stop
    assert counts["retried email"] == 0
