"""Bad input at the first door: whatever comes over AMQP is a message, or a dead letter once."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from random import Random

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from fmn.errors import UndecodableMessage
from fmn.model import Message
from fmn.processes.consumer import consume
from fmn.queues.connection import connect
from fmn.queues.dead import dead_letters
from fmn.queues.entries import pack, unpack
from fmn.queues.figures import figures
from fmn.queues.intake import Intake
from fmn.queues.life import Life
from fmn.queues.marks import unbounded
from tests.bus.conftest import Site
from tests.bus.desk import Desk
from tests.malformed import Deliveries, dice, inputs
from tests.peers import PATIENCE
from tests.peers.amqp import Raw, long, publisher, short

__all__ = ["dice"]

AT_ONCE = 500
GOOD = Raw(b"", b"\0\0", b"{}")


def test_what_the_library_reads_is_a_message_that_travels_or_refused_with_a_reason(
    dice: Random,
) -> None:
    decoder, made, refused, unread = Desk().decoder, 0, 0, 0
    for one in Deliveries(dice).many(b"org", inputs()):
        try:
            topic, said = one.topic.decode(), properties_of(one)
        except (ValueError, OverflowError):
            unread += 1  # the real server shows what becomes of these
            continue
        try:
            message = decoder.delivery(
                one.body,
                topic=topic,
                message_id=said.message_id,
                headers=said.headers,
                content_type=said.content_type,
                content_encoding=said.content_encoding,
            )
        except UndecodableMessage as failed:
            refused += bool(failed.args[0])
        else:
            assert unpack(pack(message), Message) == message  # each fact of the type it has
            made += 1
    assert made + refused + unread == inputs()
    assert min(made, refused) > inputs() / 10


def test_a_mutated_line_of_a_file_is_a_message_that_travels_or_refused_with_a_reason(
    dice: Random,
) -> None:
    decoder, bodies, made, refused = Desk().decoder, Deliveries(dice), 0, 0
    for _ in range(inputs()):
        try:
            message = decoder.line(bodies.line())
        except UndecodableMessage as failed:
            refused += bool(failed.args[0])
        else:
            assert unpack(pack(message), Message) == message
            made += 1
    assert made + refused == inputs()
    assert min(made, refused) > inputs() / 10


def properties_of(one: Raw) -> Basic.Properties:
    header = ContentHeader()
    header.unmarshal(bytes(12) + one.properties)
    return header.properties


async def test_everything_that_comes_is_counted_once_and_the_queue_is_empty(
    ready: Site, valkey: str, dice: Random
) -> None:
    made = Deliveries(dice).many(ready.topic.encode(), inputs())
    while batch := list(islice(made, AT_ONCE)):
        await asyncio.to_thread(put, ready, batch)
    counts, why = await taken(ready, valkey, inputs())
    assert counts["taken"] + counts["undecodable"] == inputs()
    assert len(why) == counts["undecodable"]
    assert all(why)
    assert min(counts["taken"], counts["undecodable"]) > inputs() / 10
    assert await ready.waiting() == 0


def put(site: Site, messages: Sequence[Raw]) -> None:
    with publisher(site.server.port) as at:
        at.publish("amq.topic", messages)


async def taken(site: Site, url: str, expected: int) -> tuple[dict[str, int], list[str]]:
    """Let a consumer take so many; return the counts, and why each dead letter is one."""
    async with connect(url) as connection, site.bus() as bus:
        with Life(url, "consumer", channels=2) as life:
            stop = asyncio.Event()
            work = asyncio.create_task(consume(bus, Intake(connection, life), unbounded, stop))

            async def done() -> int:
                assert not work.done()
                counts = [one.counts for one in await figures(connection)]
                return sum(each["taken"] + each["undecodable"] for each in counts)

            async with asyncio.timeout(PATIENCE + expected / 100):
                while await done() < expected:  # noqa: ASYNC110  # it is on the server
                    await asyncio.sleep(0.05)
            stop.set()
            await work
        stand = await figures(connection)
        why = [letter.why async for _, letter in dead_letters(connection)]
        names = ("taken", "undecodable")
        return {name: sum(one.counts[name] for one in stand) for name in names}, why


NOT_TEXT = b"\xff\xfeid"
TABLE = short(b"a") + b"S" + long(b"b")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Raw(b"\xff\xfe", b"\0\0", b"{}"), "routing key"),
        (Raw(b"", b"\x00\x80" + short(NOT_TEXT), b"{}"), "message id"),
        (Raw(b"", b"\x80\x00" + short(NOT_TEXT), b"{}"), "content type"),
        (Raw(b"", b"\x40\x00" + short(NOT_TEXT), b"{}"), "content encoding"),
        (Raw(b"", b"\x20\x00" + long(short(NOT_TEXT) + b"V"), b"{}"), "headers"),
        (Raw(b"", b"\x20\x00" + long(TABLE + short(b"t") + b"T" + b"\xff" * 8), b"{}"), "headers"),
        (Raw(b"", b"\x20\x80" + long(TABLE) + short(NOT_TEXT), b"{}"), "message id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_library_cannot_read_is_a_dead_letter_once_and_stops_nothing(
    ready: Site, valkey: str, bad: Raw, reason: str
) -> None:
    topic = ready.topic.encode()
    messages = [
        Raw(topic + b"." + one.topic, one.properties, one.body) for one in (GOOD, bad, GOOD)
    ]
    await asyncio.to_thread(put, ready, messages)
    counts, why = await taken(ready, valkey, 3)
    assert counts == {"taken": 2, "undecodable": 1}
    assert f"AMQP's {reason} cannot be read" in why[0]
    assert await ready.waiting() == 0


@pytest.mark.parametrize(
    "properties",
    [
        b"\x08\x00" + b"\xff",  # a priority
        b"\x00\x40" + b"\xff" * 8,  # a time that no calendar has
        b"\x04\x08" + short(NOT_TEXT) + short(NOT_TEXT),  # what it answers, which program sent it
        b"\x00\x20" + short(NOT_TEXT),  # a type
    ],
)
async def test_what_no_fact_is_made_of_may_be_unreadable(
    ready: Site, valkey: str, properties: bytes
) -> None:
    odd = Raw(ready.topic.encode(), properties, b'{"a": 1}')
    await asyncio.to_thread(put, ready, [odd, odd])
    counts, _ = await taken(ready, valkey, 2)
    assert counts == {"taken": 2, "undecodable": 0}
    assert await ready.waiting() == 0


async def test_headers_as_deep_as_a_frame_allows_are_a_dead_letter(
    ready: Site, valkey: str
) -> None:
    table = b""
    for _ in range(15_000):
        table = short(b"a") + b"F" + long(table)
    deep = Raw(ready.topic.encode(), b"\x20\x00" + long(table), b"{}")
    await asyncio.to_thread(put, ready, [deep, Raw(ready.topic.encode(), b"\0\0", b"{}")])
    counts, why = await taken(ready, valkey, 2)
    assert counts == {"taken": 1, "undecodable": 1}
    assert "headers" in why[0]
