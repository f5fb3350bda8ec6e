"""Redis, PostgreSQL, RabbitMQ and the mail server, each away while the whole road runs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from tests.faults.conftest import Settings, save_preferences
from tests.faults.services import Mails, Queues, Service, published
from tests.faults.watching import Watched, counts, drained, report, subjects, until, watched
from tests.peers import free_port
from tests.peers.postgres import Postgres
from tests.peers.rabbitmq import RabbitMQ
from tests.peers.site import Site

PROCESSES = {
    "consumer": ("consumer",),
    "worker": ("worker",),
    "sender": ("sender", "email"),
    "recorder": ("recorder",),
    "scheduler": ("scheduler",),
    "web": ("web", "--port", "0"),
}
MOST_CPU = 0.05
"""Of a core, while a service is away: asserted where it is away for long enough to tell."""
LONG = 30
MANY = 20


@dataclass
class Road:
    """The whole road, its services and what was published on it."""

    site: Site
    bus: str
    queue: str
    queues: Queues
    mails: Mails
    services: dict[str, Service]
    names: list[str]

    async def publish(self, word: str) -> None:
        more = [f"{word} {i}" for i in range(MANY)]
        await published(self.bus, self.queue, more)
        self.names += more

    def arrived(self) -> bool:
        with Redis.from_url(self.queues.url) as redis:
            return set(subjects(self.mails.mails)) == set(self.names) and drained(redis)


@pytest.fixture
def road(
    postgres: str, postgres_server: Postgres, rabbitmq: RabbitMQ, tmp_path: Path
) -> Iterator[Road]:
    queues, mails = Queues(tmp_path / "redis"), Mails(free_port())
    queues.start()
    mails.start()
    name = f"fmn-{tmp_path.name}"
    settings: Settings = {
        "bus": {"url": rabbitmq.url, "queue": name},
        "queues": {"url": queues.url},
        "storage": {"url": postgres},
        "senders.email": {"host": "127.0.0.1", "port": mails.port},
        "web": {"url": "http://127.0.0.1", "secret": "s" * 32, "login": "local", "user": "alice"},
    }
    site = Site(tmp_path, settings)
    save_preferences(site)
    away = services(queues, mails, postgres_server, rabbitmq)
    yield Road(site, rabbitmq.url, name, queues, mails, away, [])
    mails.stop()
    queues.stop()


def services(
    queues: Queues, mails: Mails, postgres: Postgres, rabbitmq: RabbitMQ
) -> dict[str, Service]:
    redis = dict.fromkeys(("consumer", "worker", "sender", "recorder", "scheduler"), "redis")
    storage = {"worker": "rules", "recorder": "storage", "scheduler": "storage"}
    storage |= {"web": "storage for pages"}
    return {
        "Redis": Service(queues.stop, queues.start, redis | {"web": "redis for pages"}),
        "PostgreSQL": Service(postgres.stop, postgres.start, storage),
        "RabbitMQ": Service(rabbitmq.stop, rabbitmq.start, {"consumer": "bus"}, is_bus=True),
        "mail": Service(mails.stop, mails.start, {"sender": "email"}, needs_work=True),
    }


async def test_each_service_may_be_away_and_the_road_goes_on_by_itself(
    road: Road, away: float
) -> None:
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(watched(road.site, *verb, joins=name != "web"))
            for name, verb in PROCESSES.items()
        }
        for name, service in road.services.items():
            await one_away(road, name, service, processes, away)
    with Redis.from_url(road.queues.url) as redis:
        stand = counts(redis)
    received = subjects(road.mails.mails)
    report("away and back", published=len(road.names), received=received.total())
    assert set(received) == set(road.names)
    assert received.total() - len(road.names) <= stand["doubt email"]
    assert stand["dead"] == stand["dead email"] == stand["failed email"] == 0
    ledger = road.site.ledger()
    assert ledger["messages"]["residual"] == ledger["notifications"]["residual"] == 0
    assert ledger["notifications"]["sent"] + ledger["notifications"]["in_doubt"] == len(road.names)


async def one_away(
    road: Road, name: str, service: Service, processes: Mapping[str, Watched], away: float
) -> None:
    """Publish before, while and after a service is away; all of it arrives."""
    await road.publish(f"before {name}")
    await until(road.arrived, f"all before {name} goes")
    service.stop()
    try:
        if service.needs_work:
            await road.publish(f"without {name}")
        for one, check in service.concerns.items():
            await until(partial(says, processes[one], check), f"{one}: {check} is away")
        if not (service.needs_work or service.is_bus):
            await road.publish(f"without {name}")
        used = {one: process.cpu for one, process in processes.items()}
        since = time.monotonic()
        await until(lambda: time.monotonic() - since > away, "the end of its time")
        seconds = time.monotonic() - since
        cpu = {one: (p.cpu - used[one]) / seconds for one, p in processes.items()}
        assert [p.running.poll() for p in processes.values()] == [None] * len(processes)
        assert {p.health("healthz")[0] for p in processes.values()} == {200}
    finally:
        service.start()
    report(f"{name} was away", seconds=round(seconds, 1), cpu=shares(cpu))
    await road.publish(f"after {name}")
    await until(road.arrived, f"all after {name} is back")
    for one, process in processes.items():
        await until(partial(is_ready, process), f"{one} to be ready")
    if away >= LONG:
        assert max(cpu.values()) < MOST_CPU, shares(cpu)


def says(process: Watched, check: str) -> bool:
    """Tell whether a process is not ready, and for this very reason."""
    status, checks = process.health("readyz")
    return status == 503 and checks[check] is False


def is_ready(process: Watched) -> bool:
    return process.health("readyz")[0] == 200


def shares(cpu: Mapping[str, float]) -> dict[str, str]:
    return {process: f"{share:.1%}" for process, share in cpu.items()}
