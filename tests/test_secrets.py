"""What is secret in settings and addresses stays so, whatever fails and whoever looks."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmn.errors import PeerAway
from tests.peers import free_port, wait_until
from tests.peers.site import Site
from tests.senders.contract import CASES, TOKEN

PASSWORD = "hush-hush-that-nobody-may-see"  # noqa: S105  # of nobody
STORAGE = "storage-secret-that-nobody-may-see-either"
LINKS = "links-secret-that-nobody-may-see-either"
KINDS = sorted(CASES)
PAUSED = [kind for kind in KINDS if CASES[kind].away is PeerAway]
"""The lanes of these wait for their server; the others give up."""


def settings_of(kind: str, port: int) -> dict[str, Any]:
    """Return settings as TOML takes them: every kind speaks to a port where nobody listens."""
    return {**CASES[kind].settings(port), "timeout": "1s"}


@pytest.fixture
def site(valkey: str, tmp_path: Path) -> Site:
    port = free_port()
    kinds = {f"senders.{kind}": settings_of(kind, port) for kind in KINDS}
    kinds["senders.email"] |= {"username": "fmn", "password": PASSWORD}
    kinds["senders.irc"] |= {"password": PASSWORD, "reconnect_longest": "1s"}
    made = Site(
        tmp_path,
        {
            "bus": {"kind": "file", "path": str(tmp_path / "messages.jsonl")},
            "queues": {"url": valkey},
            "storage": {"url": f"sqlite:///{tmp_path}/fmn.db", "secret": STORAGE},
            "retry": {"attempts": 2, "first": "0.1s"},
            "web": {"url": "https://fmn.example.org", "secret": LINKS},
            **kinds,
        },
    )
    message = {"id": "m-1", "topic": "org.example.build", "summary": "It failed"}
    (tmp_path / "messages.jsonl").write_text(json.dumps(message) + "\n")
    destinations = {kind: {"kind": kind, "address": CASES[kind].address(port)} for kind in KINDS}
    rule = {"name": "All", "everything": True, "destinations": KINDS}
    given = yaml.safe_dump({"destinations": destinations, "rules": [rule]})
    made.run("db", "upgrade")
    made.run("rules", "import", "alice", "--confirmed", "--yes", "-", given=given)
    return made


def secrets(site: Site) -> Iterator[bytes]:
    """Return everything that nobody may see."""
    yield from (PASSWORD.encode(), STORAGE.encode(), LINKS.encode(), TOKEN.encode())
    for kind in KINDS:
        address = yaml.safe_load(site.run("rules", "export", "alice"))["destinations"][kind][
            "address"
        ]
        yield from (part.encode() for part in CASES[kind].hidden(address))
    for line in site.config.read_text().splitlines():
        if line.startswith("vapid_key = "):
            yield json.loads(line.partition(" = ")[2]).splitlines()[1].encode()


def pauses(site: Site) -> set[str]:
    """Return the kinds whose lane pauses, as the log says."""
    lines = "".join(at.read_text() for at in site.folder.glob("sender*.log")).splitlines()
    said = [json.loads(line) for line in lines if '"the lane pauses"' in line]
    return {line["kind"] for line in said}


@pytest.mark.real
def test_nobody_sees_a_secret_in_what_is_logged_shown_or_counted(site: Site) -> None:
    with ExitStack() as stack:
        for verb in ("recorder", "worker", f"sender {' '.join(KINDS)}"):
            stack.enter_context(site.process(*verb.split()))
        site.run("consumer")  # which ends with the file
        given_up = len(KINDS) - len(PAUSED)
        wait_until(lambda: site.ledger()["notifications"]["dead"] == given_up, "all given up")
        wait_until(lambda: pauses(site) == set(PAUSED), "the other lanes to pause")
        wait_until(lambda: len(site.run("explain", "alice", "m-1", "--json")) > 0, "the history")

    letters = [json.loads(line) for line in site.run("dead", "list", "--json").splitlines()]
    assert len(letters) == given_up
    shown = {
        "config": site.run("config", "show"),
        "ledger": site.run("ledger", "--json"),
        "report": site.run("report", "--json"),
        "explain": site.run("explain", "alice", "m-1", "--json"),
        "dead list": site.run("dead", "list", "--json"),
        "dead show": "".join(site.run("dead", "show", letter["id"]) for letter in letters),
    }
    shown |= {at.name: at.read_text() for at in site.folder.glob("*.log")}
    shown["database"] = (site.folder / "fmn.db").read_bytes().decode(errors="replace")
    hidden = list(secrets(site))
    seen = {
        (where, secret)
        for where, text in shown.items()
        for secret in hidden
        if secret in text.encode()
    }
    assert seen == set()
    assert "It failed" in shown["dead show"]
