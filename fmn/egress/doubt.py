"""Whether a request may have left and nobody has answered it."""

from dataclasses import dataclass
from types import SimpleNamespace

from aiohttp import ClientSession, TraceConfig, TraceRequestChunkSentParams


@dataclass(slots=True)
class Doubt:
    """Open from the moment the last byte of a request may have left until it is answered."""

    open: bool = False


def tracing() -> TraceConfig:
    """Return what makes a session open the Doubt that a request has for its context.

    aiohttp itself tells whether a connection was made, and not whether anything went over it.
    """
    traced = TraceConfig()
    traced.on_request_chunk_sent.append(_leaves)
    return traced


async def _leaves(
    _: ClientSession, context: SimpleNamespace, __: TraceRequestChunkSentParams
) -> None:
    # It is said before the bytes are written, and a body of bytes is one chunk.
    context.trace_request_ctx.open = True
