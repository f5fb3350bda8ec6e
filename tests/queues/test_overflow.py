"""A lane at its mark: what comes on top is withheld, chunk by chunk, and no other lane suffers."""

from collections.abc import AsyncIterator

import pytest

from fmn.emission import Content, Emission
from fmn.model import Message, Origin
from fmn.queues import keys
from fmn.queues.emitting import emit
from fmn.queues.entries import Step, Write, pack
from fmn.queues.figures import figures
from fmn.queues.outgoing import put
from tests.factories import a_chunk, a_message, a_recipient
from tests.queues.conftest import Member, member
from tests.queues.full import MARK, chunks_in, handle, notifications
from tests.queues.road import one_mail_each

IRC = Content("irc", "kernel was built", "kernel was built")


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[Member]:
    async with member(redis_url, "worker", 1) as joined:
        yield joined


def messages(count: int) -> list[Message]:
    return [a_message(f"m-{i}") for i in range(count)]


async def test_a_lane_takes_chunks_up_to_its_mark_and_not_one_more(worker: Member) -> None:
    await handle(worker, one_mail_each, messages(5))
    lane, held = (
        await chunks_in(worker.connection, "email"),
        await chunks_in(worker.connection, "held"),
    )
    assert [c.recipients[0].keys[0] for c in lane] == [f"m-{i}:d-email" for i in range(MARK)]
    assert [c.recipients[0].keys[0] for c in held] == ["m-3:d-email", "m-4:d-email"]
    found = await notifications(worker.connection)
    assert (found.made, found.waiting, found.held) == (5, MARK, 2)


async def test_what_is_withheld_says_why(worker: Member) -> None:
    await handle(worker, one_mail_each, messages(4))
    ((_, flat),) = await worker.connection.do("XRANGE", keys.held(0), "-", "+")
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    assert (fields[b"r"], fields[b"n"]) == (b"lane full", b"1")


async def test_of_one_message_so_many_chunks_go_as_there_is_room(worker: Member) -> None:
    def four_chunks(message: Message, origin: Origin) -> Emission:
        to = (a_recipient(message.id, f"d-{i}") for i in range(4))
        return Emission(tuple(a_chunk(each, origin=origin) for each in to), ())

    await handle(worker, four_chunks, messages(2))
    stand = await figures(worker.connection)
    assert (stand[0].waiting, stand[0].holding) == ({"email": MARK}, 5)
    assert (await notifications(worker.connection)).made == 8


async def test_what_waits_for_its_next_attempt_fills_the_lane_too(worker: Member) -> None:
    retries = [
        Write(keys.retry(0, "email"), pack(a_chunk(a_recipient(f"r-{i}"))), due=99) for i in (1, 2)
    ]
    await emit(worker.connection, 0, [Step("", tuple(retries), {"made email": 2})])
    await handle(worker, one_mail_each, messages(2))
    stand = await figures(worker.connection)
    assert (stand[0].waiting, stand[0].retrying, stand[0].holding) == (
        {"email": 1},
        {"email": 2},
        1,
    )


async def test_a_full_lane_leaves_the_others_as_they_are(worker: Member) -> None:
    def both_kinds(message: Message, origin: Origin) -> Emission:
        mail = a_chunk(a_recipient(message.id), origin=origin)
        said = a_chunk(a_recipient(message.id, "d-irc"), origin=origin, content=IRC)
        return Emission((mail, said) if int(message.id[2:]) < 2 else (mail,), ())

    await handle(worker, both_kinds, messages(9))
    stand = await figures(worker.connection)
    assert stand[0].waiting == {"email": MARK, "irc": 2}
    await handle(
        worker,
        lambda m, o: Emission((a_chunk(a_recipient(m.id), origin=o, content=IRC),), ()),
        messages(1),
    )
    stand = await figures(worker.connection)
    assert stand[0].waiting == {"email": MARK, "irc": 3}
    assert stand[0].holding == 6


async def test_letters_of_fmn_itself_go_however_full_the_lane_is(worker: Member) -> None:
    await handle(worker, one_mail_each, messages(5))
    await put(worker.connection, 0, [a_chunk(a_recipient("fmn-own-confirm-1"))])
    stand = await figures(worker.connection)
    assert (stand[0].waiting, stand[0].holding) == ({"email": MARK + 1}, 2)
