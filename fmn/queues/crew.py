"""Who is at work: every process that signs, and when it did last."""

from math import isfinite

from fmn.queues import keys
from fmn.queues.connection import Connection


async def processes(connection: Connection) -> list[tuple[str, float]]:
    """Return each process by name, with the seconds since its last sign of life."""
    seconds, microseconds = await connection.do("TIME")
    now = int(seconds) + int(microseconds) / 1e6
    flat = await connection.do("ZRANGE", keys.alive(0), 0, -1, "WITHSCORES")
    signs = zip(flat[::2], map(float, flat[1::2]), strict=True)
    return sorted(
        (name.decode(errors="replace"), max(0.0, now - at)) for name, at in signs if isfinite(at)
    )
