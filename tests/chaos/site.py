"""The site before the first message, and what can be seen of it after the last one."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from fmn.queues import keys
from fmn.storage.engine import open_engine, reading
from tests.chaos.crew import CHANNELS, site_of
from tests.chaos.oracle import Key, Person, World
from tests.chaos.services import DATABASE, Services, patiently
from tests.chaos.verdict import Outcome
from tests.peers.mailbox import Receipt
from tests.peers.site import Site

TOLD = (
    "select d.message_id, t.address, d.state, d.reason from deliveries d "
    "join destinations t on t.id = d.destination_id"
)


def prepare(services: Services, folder: Path, world: World) -> Site:
    """Make the tables and everybody's preferences; tell the mail server whom to refuse."""
    site = site_of(services, folder, "operator")
    site.run("db", "upgrade")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda person: _import(site, person), world.people))
    services.mail.tell(addresses=dict.fromkeys(world.refused_addresses, "550 5.1.1 nobody here"))
    mails = {" ".join(key): "550 5.6.0 not this one" for key in world.refused_mails}
    services.mail.tell(contents=mails)
    return site


def _import(site: Site, person: Person) -> None:
    """Import what is confirmed, then the rest, for which nobody vouches."""
    for confirmed in (True, False):
        given = yaml.safe_dump(person.preferences(confirmed_only=confirmed), sort_keys=False)
        vouched = ["--confirmed"] if confirmed else []
        if confirmed or not all(person.places.values()):
            site.run("rules", "import", person.name, "-", "--yes", *vouched, given=given)


class Sight:
    """What can be seen of a site without asking its processes."""

    def __init__(self, services: Services, site: Site) -> None:
        self._services = services
        self._site = site
        self._redis: Any = services.redis.client()

    def close(self) -> None:
        self._redis.close()

    def drained(self, messages: int) -> bool:
        """Tell whether every message is in the history, and nothing of them waits anywhere."""
        if self.waiting() or self.messages() < messages:
            return False
        made = ledger_of(self._site)[1]["notifications"]
        return not (made["held"] or made["waiting"] or made["retrying"] or self.waiting())

    def waiting(self) -> int:
        """Return how many entries there are in the queues; waits for a server that is away."""
        return patiently(self.counted)

    def counted(self) -> int:
        """Return that at once, or raise RedisError."""
        return sum(self._entries().values())

    def __str__(self) -> str:
        where = ", ".join(f"{name} {n:,}" for name, n in patiently(self._entries).items())
        return f"{self.messages():,} messages recorded; entries: {where}"

    def _entries(self) -> dict[str, int]:
        streams = {"channels": keys.channel, "log": keys.log}
        lanes = {lane: partial(_lane, lane) for lane in ("email", "held")}
        found = {
            name: sum(self._redis.xlen(stream(k)) for k in range(CHANNELS))
            for name, stream in (streams | lanes).items()
        }
        retries = sum(self._redis.zcard(keys.retry(k, "email")) for k in range(CHANNELS))
        return found | {"retries": retries}

    def messages(self) -> int:
        return int(self._ask("select count(*) from messages")[0][0])

    def history(self) -> dict[Key, tuple[str, str | None]]:
        """Return state and reason of each delivery."""
        return {(row[0], row[1]): (row[2], row[3]) for row in self._ask(TOLD)}

    def known(self) -> set[str]:
        """Return the messages in the history."""
        return {row[0] for row in self._ask("select id from messages")}

    def _ask(self, sql: str) -> list[Any]:
        async def ask() -> list[Any]:
            url = self._services.postgres.url(DATABASE)
            async with open_engine(url) as engine, reading(engine) as connection:
                return list(await connection.execute(text(sql)))

        return asyncio.run(ask())


def wait_for(
    true: Callable[[], bool], patience: float, say: Callable[[], None] | None = None
) -> bool:
    """Return whether it became true in time; `say` is told about every ten seconds."""
    end, told = time.monotonic() + patience, time.monotonic()
    while not true():
        if time.monotonic() > end:
            return False
        if say and time.monotonic() - told > 10:
            say()
            told = time.monotonic()
        time.sleep(0.2)
    return True


def outcome(
    services: Services, site: Site, sight: Sight, in_doubt: set[Key], republished: int
) -> Outcome:
    """Look at all there is to see."""
    receipts = services.mail.receipts()
    code, ledger = ledger_of(site)
    return Outcome(
        received=Counter(map(_key, receipts)),
        history=sight.history(),
        messages=sight.messages(),
        ledger=ledger,
        ledger_exit=code,
        in_doubt=in_doubt | {_key(one) for one in receipts if not one.answered},
        republished=republished,
    )


def ledger_of(site: Site) -> tuple[int, Any]:
    """Return how `fmn ledger --json` ends, and what it says."""
    for code in (0, 1):
        try:
            return code, json.loads(site.run("ledger", "--json", expect=code))
        except AssertionError:
            continue
    raise AssertionError("`fmn ledger` ends with neither 0 nor 1")


def _lane(kind: str, k: int) -> str:
    return keys.outbox(k, kind)


def _key(receipt: Receipt) -> Key:
    return receipt.message, receipt.address
