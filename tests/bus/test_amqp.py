"""AMQP, against a real RabbitMQ."""

import asyncio
import json
from typing import Any

import pytest

from fmn.bus.amqp import Amqp
from fmn.bus.batch import Batch
from fmn.errors import ConfigError, FmnError, Unavailable, UndecodableMessage
from fmn.model import Message, Undecodable
from tests.bus.conftest import Site, Taken
from tests.bus.desk import BUILD, KOJI
from tests.peers import PATIENCE, free_port


def lines(site: Site, *names: str) -> list[bytes]:
    facts = [{"id": name, "topic": site.topic, "users": ["alice"]} for name in names]
    return [json.dumps(one).encode() for one in facts]


def ids(batches: list[Batch]) -> list[str]:
    found = [one for batch in batches for one in batch.arrivals]
    return [one.id for one in found if isinstance(one, Message)]


async def until_connected(bus: Amqp, *, connected: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        while bus.connected is not connected:  # noqa: ASYNC110  # nobody tells, as for `/readyz`
            await asyncio.sleep(0.02)


async def test_what_is_published_arrives_once_and_is_gone_when_acknowledged(site: Site) -> None:
    names = [f"m{n}" for n in range(250)]
    async with site.bus() as bus:
        assert await bus.publish(lines(site, *names)) == 250
        assert await site.waiting() == 250  # before anybody listens
        batches: list[Batch] = []
        taken = Taken(bus)
        while len(ids(batches)) < 250:
            batches.append(await taken.batch())
            await batches[-1].acknowledge()
        assert ids(batches) == names
        assert len(batches) < 100
    assert await site.waiting() == 0


async def test_a_fedora_message_arrives_with_its_facts(ready: Site) -> None:
    line = {"id": "m1", "topic": ready.topic, "headers": KOJI, "body": BUILD}
    async with ready.bus() as bus:
        await bus.publish([json.dumps(line).encode()])
        (message,) = (await Taken(bus).batch()).arrivals
    assert isinstance(message, Message)
    assert (message.id, message.topic, message.app) == ("m1", ready.topic, "Koji")
    assert message.artifacts == {"rpms/kernel"}


async def test_what_is_not_acknowledged_comes_again_with_the_same_id(ready: Site) -> None:
    await ready.put(b'{"a": 1}', b'{"a": 2}', headers={"h": 1})
    async with ready.bus() as bus:
        first = await Taken(bus).batches(2)
    async with ready.bus() as bus:
        again = await Taken(bus).batches(2)
        for batch in again:
            await batch.acknowledge()
    assert ids(first) == ids(again)
    assert len(set(ids(again))) == 2
    assert await ready.waiting() == 0


async def test_a_batch_that_was_given_up_is_not_acknowledged_by_a_later_one(ready: Site) -> None:
    async with ready.bus() as bus:
        taken = Taken(bus)
        await bus.publish(lines(ready, "given-up"))
        await taken.batch()
        await bus.publish(lines(ready, "later"))
        await (await taken.batch()).acknowledge()
    async with ready.bus() as bus:
        assert ids([await Taken(bus).batch()]) == ["given-up"]


async def test_batches_may_be_acknowledged_in_any_order(ready: Site) -> None:
    async with ready.bus(prefetch=20) as bus:
        taken = Taken(bus)
        kept = []
        for name in ("a", "b", "c"):
            await bus.publish(lines(ready, name))
            kept.append(await taken.batch())
        for batch in reversed(kept):
            await batch.acknowledge()
        await bus.publish(lines(ready, "d"))
        await (await taken.batch()).acknowledge()
    assert await ready.waiting() == 0


async def test_no_more_than_prefetch_are_in_hand(ready: Site) -> None:
    async with ready.bus(prefetch=5) as bus:
        await bus.publish(lines(ready, *(f"m{n}" for n in range(12))))
        taken = Taken(bus)
        in_hand = await taken.batches(5)
        assert len(ids(in_hand)) == 5
        assert await ready.waiting() == 7
        for batch in in_hand:
            await batch.acknowledge()
        assert len(ids(await taken.batches(5))) == 5


async def test_what_cannot_be_decoded_arrives_as_that_and_stops_nothing(ready: Site) -> None:
    async with ready.bus(max_body=1000) as bus:
        await ready.put(b"{nope", b"x" * 5000, b"\xff\xfe", b"[]", b'{"good": 1}')
        batches = await Taken(bus).batches(5)
        *bad, good = [one for batch in batches for one in batch.arrivals]
        for batch in batches:
            await batch.acknowledge()
    assert isinstance(good, Message)
    reasons = ["not JSON", "too large", "not UTF-8", "not a JSON object"]
    heads = [b"{nope", b"x" * 1024, b"\xff\xfe", b"[]"]
    for one, reason, head in zip(bad, reasons, heads, strict=True):
        assert isinstance(one, Undecodable)
        assert reason in one.reason
        assert one.head == head
    assert await ready.waiting() == 0


async def test_a_connection_that_is_closed_is_made_again(ready: Site) -> None:
    async with ready.bus() as bus:
        taken = Taken(bus)
        await bus.publish(lines(ready, "m1"))
        in_hand = await taken.batch()
        assert bus.connected
        close = ("close_all_connections", "maintenance")
        await asyncio.to_thread(ready.server.control, *close)
        await until_connected(bus, connected=False)
        await in_hand.acknowledge()  # does no harm
        again = await taken.batch()
        assert ids([again]) == ["m1"]
        assert bus.connected
        await again.acknowledge()
    assert await ready.waiting() == 0


async def test_a_queue_that_is_deleted_is_made_again(ready: Site) -> None:
    async with ready.bus() as bus:
        taken = Taken(bus)
        await bus.publish(lines(ready, "m1"))
        await (await taken.batch()).acknowledge()
        await ready.outside(lambda channel: channel.queue_delete(ready.queue))
        await until_connected(bus, connected=False)
        next_one = asyncio.create_task(taken.batch())
        await until_connected(bus, connected=True)
        await bus.publish(lines(ready, "m2"))
        assert ids([await next_one]) == ["m2"]


async def test_a_server_that_is_away_for_a_while_loses_nothing(ready: Site) -> None:
    async with ready.bus() as bus:
        taken = Taken(bus)
        await bus.publish(lines(ready, "m1"))
        in_hand = await taken.batch()
        await asyncio.to_thread(ready.server.stop)
        try:
            await in_hand.acknowledge()
            next_one = asyncio.create_task(taken.batch())
            await until_connected(bus, connected=False)
            with pytest.raises(Unavailable):
                await bus.publish(lines(ready, "m2"))
        finally:
            await asyncio.to_thread(ready.server.start)
        again = await next_one
        assert ids([again]) == ["m1"]
        await again.acknowledge()


async def test_stop_ends_the_batches(ready: Site) -> None:
    async with ready.bus() as bus:
        taken = Taken(bus)
        taken.stop.set()
        with pytest.raises(StopAsyncIteration):
            await taken.batch()
        taken = Taken(bus)
        waiting = asyncio.create_task(taken.batch())
        await until_connected(bus, connected=True)
        taken.stop.set()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert not bus.connected


async def test_a_server_that_is_not_there_is_waited_for_until_stop(site: Site) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    async with site.bus(url=url) as bus:
        taken = Taken(bus)
        waiting = asyncio.create_task(taken.batch())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        taken.stop.set()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(Unavailable, match=str(url.split("@")[1].rstrip("/"))):
            await bus.publish([])


async def refused_by(bus: Amqp) -> list[FmnError]:
    """Return what publishing and listening raise."""
    errors = []
    async with bus:
        for attempt in (bus.publish([]), Taken(bus).batch()):
            with pytest.raises(FmnError) as refused:
                await attempt
            errors.append(refused.value)
    return errors


async def test_a_queue_with_other_arguments_is_a_fault_of_the_configuration(site: Site) -> None:
    arguments = {"x-max-length": 5}
    await site.outside(
        lambda channel: channel.declare_queue(site.queue, durable=True, arguments=arguments)
    )
    for refused in await refused_by(site.bus()):
        assert isinstance(refused, ConfigError)
        assert "bus.queue" in str(refused)
        assert "other arguments" in str(refused)
        assert "\n" not in str(refused)


async def test_an_exchange_that_is_missing_is_a_fault_of_the_configuration(site: Site) -> None:
    for refused in await refused_by(site.bus(exchange="no.such")):
        assert isinstance(refused, ConfigError)
        assert "bus.exchange" in str(refused)
        assert "no.such" in str(refused)


async def test_a_refused_login_is_a_fault_of_the_configuration(site: Site) -> None:
    url = site.server.url.replace(":guest@", ":letmein@")
    for refused in await refused_by(site.bus(url=url)):
        assert isinstance(refused, ConfigError)
        assert "bus.url" in str(refused)
        assert "letmein" not in str(refused)


async def test_a_vhost_that_is_missing_is_a_fault_of_the_configuration(site: Site) -> None:
    for refused in await refused_by(site.bus(url=site.server.url + "no-such")):
        assert isinstance(refused, ConfigError)
        assert "bus.url" in str(refused)


async def test_a_line_that_is_no_message_is_not_published(ready: Site) -> None:
    async with ready.bus() as bus:
        with pytest.raises(UndecodableMessage):
            await bus.publish([b"{nope"])
    assert await ready.waiting() == 0


async def test_what_the_source_of_lines_raises_is_raised(ready: Site) -> None:
    def broken() -> Any:
        yield from lines(ready, "m1")
        raise ConfigError("the source")

    async with ready.bus() as bus:
        with pytest.raises(ConfigError, match="the source"):
            await bus.publish(broken())
