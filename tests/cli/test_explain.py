"""`fmn explain` on the site itself: words for people, JSON for machines."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from fmn.emission import Handled, LogLine, Outcome, State
from fmn.model import DestinationId, Message, MessageId, RuleId, key_of
from fmn.storage.engine import open_engine, reading, writing
from fmn.storage.history import record
from fmn.storage.preferences import load_user, newest
from tests.factories import a_message
from tests.peers.site import Site, environment

ALICE = {
    "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
    "rules": [
        {
            "name": "Mine",
            "filters": [{"kind": "owner", "groups": ["mine"]}],
            "destinations": ["email"],
        },
        {
            "name": "Koji, but not info",
            "filters": [
                {"kind": "application", "names": ["koji"]},
                {"kind": "severity", "in": ["info"], "negate": True},
            ],
            "destinations": ["email"],
        },
    ],
}
DIRECTORY = """
[owners."rpms/kernel"]
groups = ["kernel-sig"]
[groups]
kernel-sig = ["alice"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with alice, whose message m:1 was judged and not sent."""
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    site = Site(
        tmp_path,
        {
            "storage": {"url": f"sqlite:///{tmp_path}/f.db"},
            "queues": {"url": "redis://127.0.0.1:1/0"},
            "directory": {"path": str(tmp_path / "directory.toml")},
        },
    )
    site.run("db", "upgrade")
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(ALICE))
    asyncio.run(_judged(tmp_path, a_message("m:1", app="koji", artifacts=frozenset({"rpms/x"}))))
    return site


async def _judged(folder: Path, message: Message) -> None:
    async with open_engine(f"sqlite:///{folder}/f.db") as engine:
        async with reading(engine) as connection:
            version = await newest(connection)
            alice = await load_user(connection, "alice", {})
        assert alice
        to = DestinationId(alice.destinations[0].id)
        now = datetime.now(UTC)
        lines: Sequence[LogLine] = [
            Handled(message, now, version, 1),
            Outcome(
                key_of(MessageId(message.id), to),
                "email",
                (RuleId("r"),),
                State.SUPPRESSED,
                now,
                reason="unconfirmed",
            ),
        ]
        async with writing(engine) as connection:
            await record(connection, lines)


def run(site: Site, *verb: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fmn", *verb, "--config", str(site.config)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=False, timeout=60
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def test_each_rule_and_each_filter_says_what_decided(site: Site) -> None:
    said = run(site, "explain", "alice", "m:1")
    lines = [line.rstrip() for line in said.stderr.splitlines()]
    assert lines[0] == "m:1 and alice, by the preferences in force then"
    assert lines[1:8] == [
        "✗ Mine",
        "  not brought up: the message has none of owning group kernel-sig",
        "  ✗ owner: rpms/x",
        "✗ Koji, but not info",
        "  brought up by application koji",
        "  ✓ application: koji",
        "  ✗ not severity: info",
    ]
    assert lines[8].startswith("email (email): suppressed: unconfirmed")
    told = json.loads(said.stdout)
    assert (told["message"], told["user"], told["by"]) == ("m:1", "alice", "then")
    assert [rule["matched"] for rule in told["rules"]] == [False, False]
    assert [rule["keys"] for rule in told["rules"]] == [
        [{"key": "owning group kernel-sig", "present": False}],
        [{"key": "application koji", "present": True}],
    ]


def test_by_now_is_by_the_rules_of_now(site: Site) -> None:
    one = ALICE | {"rules": [{"name": "All", "everything": True, "destinations": ["email"]}]}
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(one))
    then = json.loads(run(site, "explain", "alice", "m:1").stdout)
    now = json.loads(run(site, "explain", "alice", "m:1", "--now").stdout)
    assert [rule["rule"] for rule in then["rules"]] == ["Mine", "Koji, but not info"]
    assert [(rule["rule"], rule["matched"]) for rule in now["rules"]] == [("All", True)]
    assert [rule["keys"] for rule in now["rules"]] == [None]
    said = run(site, "explain", "alice", "m:1", "--now").stderr
    assert "the preferences of now" in said
    assert "  it has no keys, so it is looked at for every message\n" in said


@pytest.mark.parametrize(("user", "message"), [("nobody", "m:1"), ("alice", "m:2")])
def test_who_or_what_is_not_there_is_one_line_and_exit_2(
    site: Site, user: str, message: str
) -> None:
    said = run(site, "explain", user, message, expect=2)
    assert (said.stdout, len(said.stderr.strip().splitlines())) == ("", 1)
    assert user in said.stderr
    assert message in said.stderr


def test_what_is_in_a_message_reaches_the_terminal_as_text_alone(
    site: Site, tmp_path: Path
) -> None:
    topic = "koji\x1b]0;owned\x07\x1b[31m"
    rule = {"name": "T", "filters": [{"kind": "topic", "patterns": ["a"]}]}
    one = ALICE | {"rules": [rule | {"destinations": ["email"]}]}
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(one))
    asyncio.run(_judged(tmp_path, a_message("m:3", topic=topic)))
    said = run(site, "explain", "alice", "m:3")
    assert "koji" in said.stderr
    assert "\x1b" not in said.stderr + said.stdout


def test_on_a_terminal_there_are_words_alone_unless_json_is_asked_for(site: Site) -> None:
    assert _on_a_terminal(site, "explain", "alice", "m:1") == ""
    shown = _on_a_terminal(site, "explain", "alice", "m:1", "--json")
    assert json.loads(shown)["message"] == "m:1"


def _on_a_terminal(site: Site, *verb: str) -> str:
    """Return what a verb writes to stdout where that is a terminal."""
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "fmn", *verb, "--config", str(site.config)]
    done = subprocess.run(
        command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment(), check=False
    )
    os.close(theirs)
    assert done.returncode == 0
    shown = b""
    try:
        while more := os.read(mine, 65536):
            shown += more
    except OSError:  # its other end is closed
        pass
    os.close(mine)
    return shown.decode()
