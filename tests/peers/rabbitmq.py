"""RabbitMQ: a server of its own for a run, with an epmd of its own; queues are each test's."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.peers import answers, free_port, need, running, wait_until

DEBIAN = "/usr/lib/rabbitmq/bin"
"""Debian's server itself. What stands on PATH changes the user and writes to the system's log."""


@dataclass
class RabbitMQ:
    """A server that can be stopped and started; what is durable stays."""

    program: str
    folder: Path
    port: int = field(default_factory=free_port)
    between_nodes: int = field(default_factory=free_port)
    names: int = field(default_factory=free_port)
    """Port of epmd, Erlang's name server."""
    _running: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """All that keeps it apart from a RabbitMQ of the machine."""
        home = self.folder
        return os.environ | {
            "HOME": str(home),
            "RABBITMQ_NODENAME": "fmn@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.between_nodes),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.names),
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self.folder / "out").open("ab") as out:
            self._running = running = subprocess.Popen(
                [self.program],
                env=self.environment,
                stdout=out,
                stderr=out,
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(lambda: running.poll() is not None or answers(self.port), "RabbitMQ")
        if running.poll() is not None:
            pytest.fail(f"RabbitMQ ended at once: {(self.folder / 'out').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it as an administrator would."""
        if self._running:
            self._running.terminate()
            self._running.wait(60)
            self._running = None

    def kill(self) -> None:
        """Kill the server, and what started it."""
        if self._running:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None

    def control(self, *command: str) -> str:
        """Run rabbitmqctl; return what it prints."""
        program = str(Path(self.program).with_name("rabbitmqctl"))
        done = subprocess.run(
            [program, *command], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"rabbitmqctl {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def rabbitmq_server() -> Iterator[RabbitMQ]:
    """Run a server in a folder of its own until the block ends."""
    program = _server()
    epmd = need("epmd", "erlang-base")
    with tempfile.TemporaryDirectory(prefix="fmn-rabbitmq-") as folder:
        server = RabbitMQ(program, Path(folder))
        (server.folder / "rabbitmq.conf").write_text("loopback_users = none\n")
        (server.folder / "plugins").touch()
        (server.folder / "epmd").mkdir()
        names = [epmd, "-address", "127.0.0.1", "-port", str(server.names)]
        with running(names, server.folder / "epmd", ready=lambda: answers(server.names)):
            server.start()
            try:
                yield server
            finally:
                server.stop()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A running server. Each test names its own queues, and starts again what it stops."""
    with rabbitmq_server() as server:
        yield server


def _server() -> str:
    own = Path(DEBIAN, "rabbitmq-server")
    return str(own) if own.exists() else need("rabbitmq-server", "rabbitmq-server")
