"""A lane that was blocked, over real processes: what did not fit waits in SQL and comes back."""

import asyncio
import json
import signal
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from fmn.emission import State
from fmn.queues.intake import Intake
from fmn.report.ledger import Notifications
from fmn.storage.engine import open_engine, reading
from fmn.storage.history import deliveries
from fmn.storage.tables import held
from tests.factories import a_message
from tests.peers import free_port, wait_until
from tests.peers.site import Site
from tests.peers.smtp import Smtp
from tests.queues.conftest import Member, member
from tests.queues.full import notifications

CHANNELS, MARK, MESSAGES = 4, 50, 1400
HELD = MESSAGES - CHANNELS * MARK
PATIENCE = 120.0


@pytest.fixture
def site(valkey: str, postgres: str, smtp: Smtp, tmp_path: Path) -> Site:
    """A site whose lanes are full soon, and alice, who wants to hear everything."""
    settings: dict[str, dict[str, Any]] = {
        "queues": {"url": valkey, "channels": CHANNELS, "lane_mark": MARK},
        "storage": {"url": postgres},
        "senders.email": {"host": "127.0.0.1", "port": smtp.port},
    }
    site = Site(tmp_path, settings)
    site.run("db", "upgrade")
    everything = {
        "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
        "rules": [{"name": "All", "everything": True, "destinations": ["email"]}],
    }
    given = yaml.safe_dump(everything)
    site.run("rules", "import", "alice", "-", "--yes", "--confirmed", given=given)
    return site


async def until(joined: Member, true: Callable[[Notifications], bool]) -> Notifications:
    """Return what the ledger says once it is so; at every look it must add up."""
    async with asyncio.timeout(PATIENCE):
        while not true(found := await notifications(joined.connection)):  # noqa: ASYNC110  # it is on the server
            await asyncio.sleep(0.02)
    return found


def says(port: int) -> dict[str, bool]:
    """Return what the process behind this port says of what it needs, nothing before it answers."""
    url = f"http://127.0.0.1:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, bool] = json.load(answer)["checks"]
    except OSError:  # not there yet, or not ready
        return {}
    return found


async def test_a_lane_that_was_blocked_drains_by_itself_and_the_ledger_always_adds_up(
    site: Site, valkey: str, postgres: str, smtp: Smtp
) -> None:
    port = free_port()
    with ExitStack() as processes:
        start = processes.enter_context
        start(site.process("worker"))
        start(site.process("recorder"))
        victim = start(site.process("scheduler", "--port", str(port)))
        there = {"redis": True, "storage": True}
        await asyncio.to_thread(wait_until, lambda: says(port) == there, "the scheduler")
        async with member(valkey, "consumer", CHANNELS) as joined:
            intake = Intake(joined.connection, joined.life)
            await intake.put([a_message(f"m-{i}") for i in range(MESSAGES)])
            blocked = await until(joined, lambda now: now.made == MESSAGES)
            start(site.process("sender", "email"))
            await until(joined, lambda now: now.sent > CHANNELS * MARK)  # some have come back
            victim.send_signal(signal.SIGKILL)
            start(site.process("scheduler"))
            drained = await until(joined, lambda now: now.sent + now.in_doubt >= MESSAGES)
            await until_recorded(postgres, {State.SENT: MESSAGES})
    assert (blocked.held, blocked.waiting, blocked.sent) == (HELD, CHANNELS * MARK, 0)
    assert (drained.sent, drained.held, drained.waiting) == (MESSAGES, 0, 0)
    mails = Counter(mail.message["Message-ID"] for mail in smtp.mails)
    assert len(mails) == MESSAGES
    assert set(mails.values()) == {1}


async def until_recorded(storage: str, expected: dict[State, int]) -> None:
    """Return once the history says so, and nothing waits in SQL any more."""
    async with open_engine(storage) as engine, asyncio.timeout(PATIENCE):
        states, waiting = Counter[State](), 1
        while states != expected or waiting:
            async with reading(engine) as connection:
                states = Counter(one.state for one in await deliveries(connection))
                waiting = await connection.scalar(select(func.count()).select_from(held)) or 0
