"""Limits: how often somebody may do something, counted for all processes together."""

from datetime import timedelta

from fmn.queues import keys
from fmn.queues.connection import Connection


async def allowed(
    connection: Connection, what: str, who: str, *, times: int, within: timedelta
) -> bool:
    """Count one use; tell whether it stays within so many in that time. Expires by itself.

    The time begins with the first use and is not moved by those that follow.
    """
    milliseconds = max(1, int(within.total_seconds() * 1000))
    used: int = await connection.run("limit", [keys.limit(what, who)], milliseconds)
    return used <= times
