"""The services of a site, real, durable, and each reached through a link for each role."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis
from redis.exceptions import RedisError

from fmn.queues.embedded import flags, server
from tests.peers import PATIENCE, need, wait_until
from tests.peers.mailbox import Mailbox, mailbox
from tests.peers.postgres import Postgres, cluster
from tests.peers.proxy import Link, Proxy, proxy
from tests.peers.rabbitmq import RabbitMQ, rabbitmq_server

AS_IN_PRODUCTION = {"fsync": "on", "synchronous_commit": "on"}
DATABASE = "fmn"
QUEUE = "fmn-chaos"

PART = re.compile(r"\.(\d+)\.incr\.aof$")
"""Of the append-only file, the last part is written to."""

T = TypeVar("T")


@dataclass
class RedisServer:
    """Redis or Valkey, on a socket."""

    program: str
    folder: Path
    options: Sequence[str]
    _running: "subprocess.Popen[bytes] | None" = None

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def file(self) -> Path:
        """What it appends to."""
        numbered = {int(n[1]): at for at in self.folder.rglob("*") if (n := PART.search(at.name))}
        return numbered[max(numbered)]

    def start(self) -> None:
        """Start it and wait until it has read what it kept."""
        command = [self.program, *flags(self.folder, self.socket), *self.options]
        with (self.folder / "out").open("ab") as out:
            self._running = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=self.folder, start_new_session=True
            )
        wait_until(lambda: self._ended() or self._answers(), self.program)
        if self._ended():
            pytest.fail(f"{self.program} ended: {(self.folder / 'out').read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill it and wait until it is gone."""
        if self._running:
            self._running.kill()
            self._running.wait()
            self._running = None

    def client(self) -> Any:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=PATIENCE)

    def _ended(self) -> bool:
        return self._running is None or self._running.poll() is not None

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                client.ping()
            except (RedisError, OSError):
                return False
            return True


@dataclass
class Services:
    """All of them, and the links to them."""

    redis: RedisServer
    postgres: Postgres
    rabbitmq: RabbitMQ
    mail: Mailbox
    proxy: Proxy
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    """Role and service → how it gets there."""

    def port(self, role: str, service: str) -> int:
        """Return where a role finds a service."""
        to: dict[str, int | Path] = {
            "redis": self.redis.socket,
            "postgres": self.postgres.port,
            "rabbitmq": self.rabbitmq.port,
            "mail": self.mail.port,
        }
        if (role, service) not in self.links:
            self.links[role, service] = self.proxy.link(to[service])
        return self.links[role, service].port

    def settings(self, role: str) -> dict[str, dict[str, Any]]:
        """Return the configuration of a role."""
        at = "127.0.0.1"
        return {
            "bus": {
                "url": f"amqp://guest:guest@{at}:{self.port(role, 'rabbitmq')}/",
                "queue": QUEUE,
            },
            # So few chunks that lanes are full again and again, and the scheduler is at work.
            "queues": {"url": f"redis://{at}:{self.port(role, 'redis')}/0", "lane_mark": 20},
            "storage": {"url": f"postgresql://fmn@{at}:{self.port(role, 'postgres')}/{DATABASE}"},
            "senders.email": {"host": at, "port": self.port(role, "mail")},
            "retry": {"first": "1s", "longest": "10s"},
        }

    def crash(self, service: str) -> None:
        """Kill a service and start it again."""
        if service == "redis":
            self.redis.kill()
            self.redis.start()
        elif service == "postgres":
            self.postgres.kill()
            _until_it_works(self.postgres.start)
        else:
            self.rabbitmq.kill()
            self.rabbitmq.start()


@contextmanager
def services(folder: Path, program: str, options: Sequence[str]) -> Iterator[Services]:
    """Run them until the block ends."""
    with ExitStack() as stack:
        redis = RedisServer(program, _made(folder / "redis"), options)
        stack.callback(redis.kill)
        redis.start()
        postgres = stack.enter_context(cluster(AS_IN_PRODUCTION))
        postgres.on_database("createdb", DATABASE)
        rabbitmq = stack.enter_context(rabbitmq_server())
        mail = stack.enter_context(mailbox(_made(folder / "mail")))
        yield Services(redis, postgres, rabbitmq, mail, stack.enter_context(proxy()))


def program(name: str) -> str:
    """Return the server of this name: the Valkey of the wheel, or what is installed."""
    return str(server()) if name == "valkey" else need(name, name)


def patiently(ask: Callable[[], T]) -> T:
    """Ask Redis, again while it is away."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except RedisError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _until_it_works(start: Callable[[], None]) -> None:
    """Start what may have to wait for the last of its predecessor to be gone."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return start()
        except pytest.fail.Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
