"""Outgoing: an entry of the outbox with no message behind it, as a test or a confirmation."""

from collections import Counter
from collections.abc import Sequence

from fmn.emission import Chunk, Emission
from fmn.queues.connection import Connection
from fmn.queues.emitting import emit, writes_of
from fmn.queues.entries import Step


async def put(connection: Connection, k: int, chunks: Sequence[Chunk]) -> None:
    """Put chunks into the lanes of channel k, counted as made like any others."""
    made: Counter[str] = Counter()
    for chunk in chunks:
        made[f"made {chunk.content.kind}"] += chunk.notifications
    await emit(connection, k, [Step("", writes_of(k, Emission(tuple(chunks), ())), made)])
