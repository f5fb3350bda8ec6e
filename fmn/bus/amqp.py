"""Messages from an AMQP server, RabbitMQ."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Final, Self

import aio_pika
import structlog
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractQueue,
    ConnectionParameter,
)
from aiormq.abc import DeliveredMessage

from fmn import config
from fmn.bus.access import access
from fmn.bus.batch import Arrivals, Batch, read_aside
from fmn.bus.facts import Decoder, Publication, undecodable
from fmn.bus.frames import Frames
from fmn.bus.refusals import translated
from fmn.errors import ConfigError, FmnError, Unavailable, UndecodableMessage
from fmn.model import Message, Undecodable

PATIENCE = 10.0
"""Seconds to wait for an answer of the server."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries to connect: doubled each time."""

WINDOW = 100
"""Messages published and not yet confirmed."""

_log = structlog.get_logger()


class Amqp:
    """A bus that is a durable queue of an AMQP server."""

    def __init__(self, settings: config.Bus, decoder: Decoder) -> None:
        self._settings: Final = settings
        self._decoder: Final = decoder
        self._access: Final = access(settings)
        self._open: set[AbstractConnection] = set()
        self._listening = False

    @property
    def connected(self) -> bool:
        """Whether messages can come now."""
        return self._listening

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for connection in list(self._open):
            await self._close(connection)

    async def batches(self, stop: asyncio.Event) -> AsyncIterator[Batch]:
        """Yield what has arrived, until `stop`; a connection that is lost is made again.

        Raises ConfigError where the server refuses, at the first time, what cannot get better.
        """
        pause, admitted = FIRST_PAUSE, False
        while not stop.is_set():
            try:
                async with self._listen(stop) as session:
                    _log.info("bus connected", at=self._access.shown, queue=self._settings.queue)
                    admitted = True
                    while taken := await session.arrivals.take():
                        pause = FIRST_PAUSE
                        yield self._batch(session, taken)
                failed: FmnError = Unavailable(self._access.shown, "the connection was lost")
            except (ConfigError, Unavailable) as refused:
                failed = refused
            if stop.is_set():
                return
            if isinstance(failed, ConfigError) and not admitted:
                raise failed
            pause = await self._pause(failed, pause, stop)

    async def publish(self, lines: Iterable[bytes]) -> int:
        """Put lines of a file of messages on the bus; return how many, each confirmed.

        The queue is there afterwards, so that nothing is lost before the first consumer comes.
        Raises UndecodableMessage at a line that cannot be published, ConfigError, Unavailable.
        """
        count = 0
        async with self._opened(Frames()) as (channel, _):
            exchange = await channel.get_exchange(self._access.exchange, ensure=False)
            async for taken in read_aside(lines, WINDOW, asyncio.Event()):
                publications = [self._decoder.publication(line) for line in taken]
                with translated(self._access.shown):
                    async with asyncio.timeout(PATIENCE):
                        await asyncio.gather(*(_put(exchange, one) for one in publications))
                count += len(publications)
        return count

    @asynccontextmanager
    async def _listen(self, stop: asyncio.Event) -> AsyncIterator["_Session"]:
        frames = Frames()
        session = _Session(self._settings.prefetch, frames)

        async def lost(*_: object) -> None:
            self._listening = False
            session.arrivals.abandon()

        async with self._opened(frames) as (channel, queue):
            with translated(self._access.shown):
                async with asyncio.timeout(PATIENCE):
                    channel.close_callbacks.add(lost)
                    beneath = await channel.get_underlay_channel()
                    # The server tells so when the queue is deleted.
                    beneath.on_consumer_cancel_callbacks.add(lost)
                    await channel.set_qos(self._settings.prefetch)
                    # Not `queue.consume`: a message with a property it cannot make a value of,
                    # as an expiry in words, it forgets; it would be in our hand for ever.
                    await beneath.basic_consume(queue.name, session.arrived)
            self._listening = True
            try:
                async with session.arrivals.abandoned_at(stop):
                    yield session
            finally:
                self._listening = False

    @asynccontextmanager
    async def _opened(self, frames: Frames) -> AsyncIterator[tuple[AbstractChannel, AbstractQueue]]:
        connection = _Connection(
            self._access.url,
            ssl_context=self._access.tls,
            client_properties={"connection_name": "fmn"},
            transport_factory=frames,
        )
        async with AsyncExitStack() as stack:
            with translated(self._access.shown):
                async with asyncio.timeout(PATIENCE):
                    self._open.add(connection)
                    stack.push_async_callback(self._close, connection)
                    await connection.connect()
                    channel = await connection.channel()
                    queue = await self._bound_queue(channel)
            yield channel, queue

    async def _bound_queue(self, channel: AbstractChannel) -> AbstractQueue:
        name, passive = self._settings.queue, self._access.passive
        queue = await channel.declare_queue(name, durable=True, passive=passive)
        for exchange, key in self._access.bindings:
            await queue.bind(exchange, key)
        return queue

    async def _close(self, connection: AbstractConnection) -> None:
        self._open.discard(connection)
        with suppress(ConfigError, Unavailable), translated(self._access.shown):
            async with asyncio.timeout(PATIENCE):
                await connection.close()

    async def _pause(self, failed: FmnError, pause: float, stop: asyncio.Event) -> float:
        # Spread, or all consumers come back in the same moment.
        spread = pause * random.uniform(0.5, 1)  # noqa: S311  # not a secret
        _log.warning("bus away", reason=str(failed), again_in=round(spread, 1))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), spread)
        return min(2 * pause, LONGEST_PAUSE)

    def _batch(self, session: "_Session", taken: list[DeliveredMessage]) -> Batch:
        arrivals = tuple(self._arrival(session, one) for one in taken)
        return Batch(arrivals, partial(session.acknowledge, taken))

    def _arrival(self, session: "_Session", arrived: DeliveredMessage) -> Message | Undecodable:
        said = arrived.header.properties
        try:
            session.frames.check(arrived.delivery_tag)
            return self._decoder.delivery(
                arrived.body,
                topic=arrived.routing_key or "",
                message_id=said.message_id,
                headers=said.headers,
                content_type=said.content_type,
                content_encoding=said.content_encoding,
            )
        except UndecodableMessage as failed:
            return undecodable(arrived.body, failed)


class _Connection(aio_pika.Connection):
    """A connection over a transport of ours."""

    PARAMETERS = (
        *aio_pika.Connection.PARAMETERS,
        ConnectionParameter("transport_factory", lambda given: given, is_kwarg=True),
    )


class _Session:
    """What came through one connection."""

    def __init__(self, most: int, frames: Frames) -> None:
        self.arrivals: Final = Arrivals[DeliveredMessage](most)
        self.frames: Final = frames
        self._acknowledged = 0
        """The delivery up to which all is acknowledged."""

    async def arrived(self, message: DeliveredMessage) -> None:
        self.arrivals.put(message)

    async def acknowledge(self, taken: list[DeliveredMessage]) -> None:
        # One answer for all of them, unless it would cover an earlier batch that was given up.
        first, last = taken[0].delivery_tag or 0, taken[-1].delivery_tag or 0
        follows = first == self._acknowledged + 1
        try:
            with translated(f"{len(taken)} messages"):
                async with asyncio.timeout(PATIENCE):
                    for one in taken[-1:] if follows else taken:
                        await one.channel.basic_ack(one.delivery_tag or 0, multiple=follows)
        except (ConfigError, Unavailable) as failed:
            _log.info("acknowledgement lost", reason=str(failed))  # they come again
            return
        if follows:
            self._acknowledged = last


async def _put(exchange: AbstractExchange, publication: Publication) -> None:
    message = aio_pika.Message(
        publication.body,
        headers=dict(publication.headers),
        content_type=publication.content_type,
        content_encoding="utf-8",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=publication.id,
    )
    await exchange.publish(message, publication.topic, mandatory=False)
