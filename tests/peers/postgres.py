"""PostgreSQL: a cluster of its own for a run, a database of its own for each test."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.peers import free_port, need

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the server's programs, a folder for each version; they are not on PATH."""

QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Nobody needs the cluster after a crash."""


@dataclass(frozen=True)
class Postgres:
    """A running cluster."""

    bin: Path
    folder: Path
    port: int
    settings: Mapping[str, str]

    def url(self, database: str) -> str:
        """Return the address of one of its databases."""
        return f"postgresql://fmn@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as whom the cluster belongs to."""
        command = [*_as_owner(), str(self.bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode:
            pytest.fail(f"{program}: {done.stderr or done.stdout}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {**self.settings, "listen_addresses": "127.0.0.1"}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        options += f" -p {self.port} -k {self.folder}"
        self.run("pg_ctl", "start", "-w", "-D", "cluster", "-l", "out", "-o", options)

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self.run("pg_ctl", "stop", "-w", "-D", "cluster", "-m", "fast")

    def kill(self) -> None:
        """Kill the server; what it had started ends when it notices."""
        pid = int((self.folder / "cluster" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def on_database(self, program: str, database: str, *arguments: str) -> None:
        """Run createdb or dropdb."""
        server = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "fmn")
        self.run(program, *server, *arguments, database)


@contextmanager
def cluster(settings: Mapping[str, str]) -> Iterator[Postgres]:
    """Make a cluster and run it with these settings until the block ends."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    programs = Path(need("initdb", "postgresql", *map(str, versions))).resolve().parent
    if os.geteuid() == 0:
        need("runuser", "util-linux")
    with _folder() as folder:
        server = Postgres(programs, Path(folder), free_port(), settings)
        unicode = ("--encoding=UTF8", "--locale=C")
        server.run("initdb", "-D", "cluster", "-A", "trust", "-U", "fmn", "--no-sync", *unicode)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with cluster(QUICK) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[str]:
    """Yield the address of an empty database."""
    database = f"test_{uuid4().hex}"
    postgres_server.on_database("createdb", database)
    yield postgres_server.url(database)
    postgres_server.on_database("dropdb", database, "--force", "--if-exists")


def _folder() -> tempfile.TemporaryDirectory[str]:
    # Not pytest's folder: as root the cluster belongs to another user, who must get there.
    folder = tempfile.TemporaryDirectory(prefix="fmn-postgres-")
    if os.geteuid() == 0:
        shutil.chown(folder.name, "postgres", "postgres")
    return folder


def _as_owner() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
