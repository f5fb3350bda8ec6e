"""The whole road over real services, each process started by its own verb."""

import asyncio
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from redis import Redis

from fmn.bus.file import read_lines
from fmn.emission import Chunk
from fmn.queues import keys
from fmn.queues.intake import Intake
from fmn.storage.engine import open_engine, reading
from fmn.storage.history import Delivery, deliveries
from tests.factories import a_message
from tests.peers import wait_until
from tests.peers.ngircd import Ngircd, person
from tests.peers.rabbitmq import RabbitMQ
from tests.peers.site import Site
from tests.peers.smtp import Smtp
from tests.queues.conftest import member


@dataclass(frozen=True)
class Samples:
    """Messages, and whom they concern."""

    messages: Path
    rules: Path

    def read(self) -> Any:
        return yaml.safe_load(self.rules.read_text())


DEMO = Path(str(files("fmn.demo")))
SHARED = Path(__file__).parents[2] / "shared" / "data" / "messages.jsonl"
OURS = Samples(DEMO / "messages.jsonl", DEMO / "rules.yaml")
THEIRS = Samples(SHARED, Path(__file__).parent / "rules" / "expected-fedora" / "rules.yaml")
where_they_are = pytest.mark.skipif(
    not SHARED.exists(), reason="test data of schema packages, where they are"
)


def directory(rules: Any, folder: Path) -> Path:
    """Write what the rules say of owners and groups as an operator's directory."""
    lines = [
        line
        for artifact, who in rules.get("owners", {}).items()
        for line in (
            f'[owners."{artifact}"]',
            *(f"{of} = {json.dumps(n)}" for of, n in who.items()),
        )
    ]
    groups: dict[str, list[str]] = {}
    for user, theirs in rules["users"].items():
        for group in theirs.get("groups", []):
            groups.setdefault(group, []).append(user)
    lines += [
        "[groups]",
        *(f"{json.dumps(g)} = {json.dumps(users)}" for g, users in groups.items()),
    ]
    at = folder / "directory.toml"
    at.write_text("\n".join(lines) + "\n")
    return at


def import_everybody(site: Site, rules: Any) -> None:
    site.run("db", "upgrade")
    for user, entry in rules["users"].items():
        given = yaml.safe_dump(entry, sort_keys=False)
        site.run("rules", "import", user, "-", "--yes", "--confirmed", given=given)


async def recorded(url: str) -> list[Delivery]:
    async with open_engine(url) as engine, reading(engine) as connection:
        return await deliveries(connection)


def expected(site: Site, samples: Samples) -> set[tuple[str, str, str]]:
    """Return message, user, destination of each notification, as `fmn match` says."""
    lines = site.run("match", str(samples.messages), "--rules", str(samples.rules)).splitlines()
    matched = [json.loads(line) for line in lines]
    return {(m["message"], m["user"], to) for m in matched for to in m["destinations"]}


def settled(site: Site, redis: Any, taken: int) -> bool:
    ledger = site.ledger()
    messages, made = ledger["messages"], ledger["notifications"]
    waiting = messages["waiting"] + made["waiting"] + made["retrying"] + made["held"]
    log = sum(redis.xlen(keys.log(k)) for k in range(4))
    return bool(messages["taken"] == taken and waiting == log == 0)


@dataclass(frozen=True)
class Peers:
    """Real services, all of them."""

    bus: str
    queues: str
    storage: str
    mail: Smtp
    irc: Ngircd


@pytest.fixture
def peers(rabbitmq: RabbitMQ, redis_url: str, postgres: str, smtp: Smtp, ngircd: Ngircd) -> Peers:
    return Peers(rabbitmq.url, redis_url, postgres, smtp, ngircd)


def site_of(peers: Peers, rules: Any, folder: Path) -> Site:
    return Site(
        folder,
        {
            "bus": {"url": peers.bus, "queue": f"fmn-{folder.name}"},
            "queues": {"url": peers.queues},
            "storage": {"url": peers.storage},
            "directory": {"path": str(directory(rules, folder))},
            "senders.email": {"host": "127.0.0.1", "port": peers.mail.port},
            "senders.irc": {"host": "127.0.0.1", "port": peers.irc.port, "burst": 1000},
        },
    )


PROCESSES = [
    ("consumer",),
    ("worker",),
    ("worker",),
    ("recorder",),
    ("sender", "email"),
    ("sender", "irc"),
]


@pytest.mark.parametrize("redis_url", ["redis-server"], indirect=True)
@pytest.mark.parametrize(
    "samples",
    [pytest.param(OURS, id="ours"), pytest.param(THEIRS, id="theirs", marks=where_they_are)],
)
async def test_messages_on_the_bus_reach_everybody_who_asked_and_only_once(
    peers: Peers, samples: Samples, tmp_path: Path
) -> None:
    rules = samples.read()
    site = site_of(peers, rules, tmp_path)
    import_everybody(site, rules)
    messages = str(samples.messages)
    count = sum(1 for _ in read_lines(messages, 1 << 20))
    redis = Redis.from_url(peers.queues)
    async with AsyncExitStack() as people:
        for nick in nicks(rules):
            await people.enter_async_context(person(peers.irc.port, nick))
        with ExitStack() as processes:
            for verb in PROCESSES:
                processes.enter_context(site.process(*verb))
            first = await asyncio.to_thread(publish_and_settle, site, redis, messages, count)
            mails = len(peers.mail.mails)
            second = await asyncio.to_thread(publish_and_settle, site, redis, messages, 2 * count)
    redis.close()

    told = await recorded(peers.storage)
    wanted = expected(site, samples)
    assert {(one.message, one.user, one.destination) for one in told} == wanted
    refused = {one.address for one in told if one.state == "failed"}
    assert refused == unmailable(rules)
    sent = [one.address for one in told if one.kind == "email" and one.state == "sent"]
    assert Counter(mail.recipients[0] for mail in peers.mail.mails) == Counter(sent)
    assert len(peers.mail.mails) == mails
    assert first["made"] == first["sent"] + first["failed"] == len(wanted)
    assert second["made"] == 2 * len(wanted)
    assert (second["sent"], second["failed"]) == (first["sent"], first["failed"])
    assert second["suppressed"] == {"duplicate": len(wanted)}


def publish_and_settle(site: Site, redis: Any, messages: str, taken: int) -> Any:
    """Publish, wait until all is recorded, and return what the ledger says of notifications."""
    assert int(site.run("publish", messages)) > 0
    wait_until(lambda: settled(site, redis, taken), "the road", patience=120)
    return site.ledger()["notifications"]


def nicks(rules: Any) -> set[str]:
    addresses = {
        to["address"]
        for user in rules["users"].values()
        for to in user["destinations"].values()
        if to["kind"] == "irc"
    }
    return {address for address in addresses if not address.startswith("#")}


def unmailable(rules: Any) -> set[str]:
    """Return the mail addresses without a host: no mail server would take them."""
    return {
        to["address"]
        for user in rules["users"].values()
        for to in user["destinations"].values()
        if to["kind"] == "email" and not to["address"].partition("@")[2]
    }


async def test_a_worker_killed_with_entries_in_hand_loses_nothing_and_doubles_nothing(
    redis_url: str, tmp_path: Path
) -> None:
    """10,000 messages; the victim is stopped, seen to have entries in hand, and killed."""
    site = Site(
        tmp_path,
        {"queues": {"url": redis_url}, "storage": {"url": f"sqlite:///{tmp_path / 'fmn.db'}"}},
    )
    site.run("db", "upgrade")
    everything = {
        "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
        "rules": [{"name": "All", "everything": True, "destinations": ["email"]}],
    }
    given = yaml.safe_dump(everything)
    site.run("rules", "import", "alice", "-", "--yes", "--confirmed", given=given)
    redis: Any = Redis.from_url(redis_url)
    with ExitStack() as processes:
        victim = processes.enter_context(site.process("worker"))
        wait_until(lambda: redis.zcard(keys.alive(0)) == 1, "the victim's sign of life")
        name = redis.zrange(keys.alive(0), 0, 0)[0]
        processes.enter_context(site.process("worker"))
        async with member(redis_url, "consumer", 4) as consumer:
            intake = Intake(consumer.connection, consumer.life)
            for start in range(0, 10_000, 500):
                await intake.put([a_message(f"m-{i}") for i in range(start, start + 500)])
                if start == 5_000:
                    in_hand = await asyncio.to_thread(kill_in_the_middle, redis, victim, name)
            await asyncio.to_thread(
                wait_until, lambda: sum(redis.xlen(keys.channel(k)) for k in range(4)) == 0, "all"
            )
    assert in_hand > 0
    emitted = Counter(key for chunk in chunks(redis) for r in chunk.recipients for key in r.keys)
    assert len(emitted) == 10_000
    assert set(emitted.values()) == {1}
    counts = Counter[str]()
    for k in range(4):
        counts.update({n.decode(): int(by) for n, by in redis.hgetall(keys.counts(k)).items()})
    assert (counts["taken"], counts["handled"], counts["made email"]) == (10_000, 10_000, 10_000)
    redis.close()


def kill_in_the_middle(redis: Any, victim: subprocess.Popen[bytes], name: bytes) -> int:
    """Kill the victim when it has entries in hand; return how many."""
    while True:
        victim.send_signal(signal.SIGSTOP)
        held = sum(
            consumer["pending"]
            for k in range(4)
            for consumer in redis.xinfo_consumers(keys.channel(k), "workers")
            if consumer["name"] == name
        )
        if held:
            victim.send_signal(signal.SIGKILL)
            return int(held)
        victim.send_signal(signal.SIGCONT)


def chunks(redis: Any) -> Iterator[Chunk]:
    for k in range(4):
        for _, fields in redis.xrange(keys.outbox(k, "email")):
            yield msgspec.msgpack.decode(fields[b"d"], type=Chunk)
