"""A real Matrix homeserver, and people on it who see what people see."""

import hashlib
import hmac
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.peers import PATIENCE, free_port, lacking, running, wait_until

PLACE = Path(__file__).parents[2] / ".peers" / "synapse"
SECRET = "between the tests and their homeserver"  # noqa: S105  # of the test's server
PASSWORD = "a word between us"  # noqa: S105  # of the test's server
UNLIMITED = {"per_second": 10_000, "burst_count": 10_000}
CLIENT = "/_matrix/client/v3"


class Synapse:
    """The homeserver, which may be stopped and started again on the same port."""

    name = "fmn.test"

    def __init__(self, python: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._command = [python, "-m", "synapse.app.homeserver", "--config-path", "hs.yaml"]
        self._life = ExitStack()
        self._names = count(1)
        (folder / "hs.yaml").write_text(json.dumps(_config(self.port, folder)))
        (folder / "log.yaml").write_text(json.dumps(LOG))
        make = [*self._command, "--generate-keys"]
        subprocess.run(make, cwd=folder, check=True, capture_output=True)

    def start(self) -> None:
        self.http = self._life.enter_context(httpx.Client(base_url=self.url, timeout=PATIENCE))
        self._life.enter_context(running(self._command, self._folder, ready=self._answers))

    def stop(self) -> None:
        self._life.close()

    def somebody(self, name: str, *, admin: bool = False) -> "Person":
        """Register somebody of this name and a number: nobody is in two tests."""
        name = f"{name}{next(self._names)}"
        register = "/_synapse/admin/v1/register"
        nonce = self.http.get(register).json()["nonce"]
        role = "admin" if admin else "notadmin"
        said = f"{nonce}\0{name}\0{PASSWORD}\0{role}".encode()
        mac = hmac.new(SECRET.encode(), said, hashlib.sha1).hexdigest()
        wanted = {"nonce": nonce, "username": name, "password": PASSWORD, "admin": admin}
        made = self.http.post(register, json=wanted | {"mac": mac})
        made.raise_for_status()
        return Person(self, made.json()["user_id"], made.json()["access_token"])

    def _answers(self) -> bool:
        try:
            return self.http.get("/health", timeout=1).is_success
        except httpx.TransportError:
            return False


class Person:
    """A raw client: what it syncs is what people see."""

    def __init__(self, synapse: Synapse, id_: str, token: str) -> None:
        self.id = id_
        self.token = token
        self._synapse = synapse

    def ask(self, method: str, path: str, said: Any = None) -> Any:
        """Ask the homeserver for something, as this person."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self._synapse.http.request(method, path, json=said, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def invitations(self) -> dict[str, list[dict[str, Any]]]:
        """Return room → what is told about it to whom it invites."""
        rooms = self._sync().get("invite", {})
        return {room: told["invite_state"]["events"] for room, told in rooms.items()}

    def joined(self) -> list[str]:
        return list(self._sync().get("join", {}))

    def join(self, room: str) -> None:
        self.ask("POST", f"{CLIENT}/join/{quote(room)}", {})

    def leave(self, room: str) -> None:
        self.ask("POST", f"{CLIENT}/rooms/{quote(room)}/leave", {})

    def come(self) -> str:
        """Wait for the one invitation there shall be, follow it, and return the room."""
        wait_until(self.invitations, f"an invitation of {self.id}")
        (room,) = self.invitations()
        self.join(room)
        return room

    def read(self, room: str) -> list[dict[str, Any]]:
        """Return the messages in a room, oldest first."""
        path = f"{CLIENT}/rooms/{quote(room)}/messages?dir=f&limit=1000"
        events = self.ask("GET", path)["chunk"]
        return [event for event in events if event["type"] == "m.room.message"]

    def told(self, room: str) -> list[str]:
        return [event["content"]["body"] for event in self.read(room)]

    def direct(self) -> dict[str, list[str]]:
        """Return person → rooms, as noted with this account."""
        noted: dict[str, list[str]] = self.ask("GET", self._direct)
        return noted

    def note_direct(self, said: Any) -> None:
        self.ask("PUT", self._direct, said)

    @property
    def _direct(self) -> str:
        return f"{CLIENT}/user/{quote(self.id)}/account_data/m.direct"

    def _sync(self) -> dict[str, Any]:
        rooms: dict[str, Any] = self.ask("GET", f"{CLIENT}/sync?timeout=0").get("rooms", {})
        return rooms


LOG = {
    "version": 1,
    "handlers": {"err": {"class": "logging.StreamHandler"}},
    "root": {"level": "WARNING", "handlers": ["err"]},
    "disable_existing_loggers": False,
}


def _config(port: int, folder: Path) -> dict[str, Any]:
    resources = [{"names": ["client"], "compress": False}]
    listener = {"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False}
    limits = ("rc_message", "rc_room_creation", "rc_profile", "rc_joins_per_room")
    return dict.fromkeys(limits, UNLIMITED) | {
        "server_name": Synapse.name,
        "listeners": [listener | {"resources": resources}],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "hs.db")}},
        "log_config": str(folder / "log.yaml"),
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "pid_file": str(folder / "pid"),
        "registration_shared_secret": SECRET,
        "macaroon_secret_key": SECRET,
        "form_secret": SECRET,
        "report_stats": False,
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "caches": {"sync_response_cache_duration": "0s"},
        "bcrypt_rounds": 4,
        "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), UNLIMITED),
        "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), UNLIMITED),
        "rc_joins": dict.fromkeys(("local", "remote"), UNLIMITED),
    }


def _python() -> str:
    place = Path(os.environ.get("FMN_TEST_SYNAPSE") or PLACE)
    python = place / "bin" / "python"
    there = python.exists() and list(place.glob("lib/python3*/site-packages/synapse"))
    return (
        str(python)
        if there
        else lacking(
            "Synapse is not installed: "
            "python3 -m venv .peers/synapse && .peers/synapse/bin/pip install matrix-synapse"
        )
    )


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    peer = Synapse(_python(), tmp_path_factory.mktemp("synapse"))
    peer.start()
    yield peer
    peer.stop()
