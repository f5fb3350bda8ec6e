"""A site whose one user hears of everything by mail."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from tests.faults.traps import install
from tests.peers.site import Site
from tests.peers.smtp import Smtp

Settings = dict[str, dict[str, Any]]

EVERYTHING: dict[str, Any] = {
    "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
    "rules": [{"name": "All", "filters": [{"kind": "trap"}], "destinations": ["email"]}],
}
"""The filter is somebody else's: see `traps`."""


def save_preferences(site: Site) -> None:
    """Make the tables, and what one user wants."""
    site.run("db", "upgrade")
    given = yaml.safe_dump(EVERYTHING)
    site.run("rules", "import", "alice", "-", "--yes", "--confirmed", given=given)


@pytest.fixture(scope="session")
def traps(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where Python looks for packages, with one that adds the kinds `trap`."""
    folder = tmp_path_factory.mktemp("site-packages")
    install(folder)
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(autouse=True)
def _found(traps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", traps)


@pytest.fixture(scope="session")
def database(traps: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which alice hears of everything: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("database")
    site = Site(folder, {"storage": {"url": f"sqlite:///{folder / 'fmn.db'}"}})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", traps)
        save_preferences(site)
    return folder / "fmn.db"


@pytest.fixture
def settings(database: Path, smtp: Smtp, tmp_path: Path) -> Settings:
    """All but where the queues are."""
    shutil.copyfile(database, tmp_path / "fmn.db")
    return {
        "storage": {"url": f"sqlite:///{tmp_path / 'fmn.db'}"},
        "senders.email": {"host": "127.0.0.1", "port": smtp.port},
    }


@pytest.fixture
def here(settings: Settings, valkey: str) -> Settings:
    """All of them: the queues are in the Valkey of the wheel."""
    return settings | {"queues": {"url": valkey}}


@pytest.fixture
def site(here: Settings, tmp_path: Path) -> Site:
    return Site(tmp_path, here)


@pytest.fixture
def redis(valkey: str) -> Iterator[Any]:
    with Redis.from_url(valkey) as client:
        yield client


@pytest.fixture(scope="session")
def away() -> float:
    """Seconds a service is away: 30 in the long form, always longer than SILENCE."""
    return float(os.environ.get("FMN_TEST_AWAY", "7"))
