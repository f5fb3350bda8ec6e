"""Who is slow but alive is not robbed: it signs for itself while it waits."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fmn.queues import keys
from fmn.queues.life import SILENCE
from tests.factories import a_message
from tests.faults.conftest import Settings
from tests.faults.flow import hundred, put_in_lane, put_messages
from tests.faults.watching import TOOK, subjects, totals, wait_until_steady, watched
from tests.peers import wait_until
from tests.peers.site import Site
from tests.peers.smtp import Smtp

SLOW = SILENCE + 4
"""Seconds: long enough to be robbed, were it not for the signs; far less than STUCK."""


async def test_a_slow_worker_and_a_slow_sender_are_not_robbed(
    settings: Settings, valkey: str, redis: Any, smtp: Smtp, tmp_path: Path
) -> None:
    settings["senders.email"]["connections"] = 100
    site = Site(tmp_path, settings | {"queues": {"url": valkey}})
    smtp.pause = SLOW
    with ExitStack() as stack:
        verbs = (("worker",), ("worker",), ("sender", "email"), ("sender", "email"))
        each = [stack.enter_context(watched(site, *verb)) for verb in verbs]
        wait_until_steady(*each)
        await put_messages(valkey, a_message("m-slow", summary="m-slow", text=f"sleep {SLOW}"))
        await put_in_lane(valkey, hundred())
        suspects = await asyncio.to_thread(suspects_until_all_is_sent, redis, 101)
        assert [process.lines(TOOK) for process in each] == [[]] * 4
    assert suspects == 0
    assert subjects(smtp.mails) == {"m-slow": 1, "kernel was built": 100}
    stand = totals(redis)
    assert (stand["handled"], stand["sent email"], stand["doubt email"]) == (1, 101, 0)


def suspects_until_all_is_sent(redis: Any, n: int) -> int:
    """Return the most suspects there were at any time until so many are sent."""
    most = 0

    def all_sent() -> bool:
        nonlocal most
        most = max(most, sum(redis.hlen(keys.suspects(k)) for k in range(4)))
        return totals(redis)["sent email"] == n

    wait_until(all_sent, "all to be sent", patience=120)
    return most
