"""The demo: what arrives is what `fmn match` says, on the whole road."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.conftest import Fmn, json_lines
from tests.peers.site import demo

EXPECTED = Path(__file__).parents[1] / "rules" / "expected"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "messages.jsonl"
SHARED_RULES = Path(__file__).parents[1] / "rules" / "expected-fedora"


def as_matched(told: list[Any], book: Any) -> list[Any]:
    """Return lines of the demo in the form of `fmn match`: by message and user."""
    matched: dict[tuple[str, str], Any] = {}
    for one in told:
        line = matched.setdefault(
            (one["message"], one["user"]),
            {"message": one["message"], "user": one["user"], "rules": [], "destinations": []},
        )
        line["rules"] += [name for name in one["rules"] if name not in line["rules"]]
        line["destinations"].append(one["destination"])
    for line in matched.values():
        order = [rule["name"] for rule in book["users"][line["user"]]["rules"]]
        line["rules"].sort(key=order.index)
    return list(matched.values())


def agree(fmn: Fmn, folder: Path, messages: Path, tmp_path: Path) -> None:
    rules = folder / "rules.yaml"
    expected = json_lines((folder / "expected.jsonl").read_text())
    matched = json_lines(fmn("match", str(messages), "--rules", str(rules)).stdout)
    out = tmp_path / "told.jsonl"
    demo = ["demo", "--once", "--messages", str(messages), "--rules", str(rules)]
    fmn(*demo, "--json", str(out))
    told = json_lines(out.read_text())
    assert matched == expected
    assert as_matched(told, yaml.safe_load(rules.read_text())) == expected
    assert {one["status"] for one in told} <= {"sent", "failed"}


@pytest.mark.real
def test_match_demo_and_what_the_contract_says_agree(fmn: Fmn, tmp_path: Path) -> None:
    agree(fmn, EXPECTED, EXPECTED / "messages.jsonl", tmp_path)


@pytest.mark.skipif(not SHARED.exists(), reason="test data of schema packages, where they are")
@pytest.mark.real
def test_they_agree_for_the_test_messages_of_the_schema_packages(fmn: Fmn, tmp_path: Path) -> None:
    agree(fmn, SHARED_RULES, SHARED, tmp_path)


@pytest.mark.real
def test_the_demo_shows_every_filter_kind_and_ends_with_who_got_what(
    fmn: Fmn, tmp_path: Path
) -> None:
    out = tmp_path / "told.jsonl"
    shown = fmn("demo", "--once", "--json", str(out)).stderr
    told = json_lines(out.read_text())
    rules = yaml.safe_load(fmn("demo", "--print-rules").stdout)
    kinds = {
        f["kind"] for u in rules["users"].values() for r in u["rules"] for f in r.get("filters", [])
    }
    assert kinds == {
        *("owner", "artifact", "user", "agent", "group", "application", "topic", "severity"),
        *("text", "regex", "field"),
    }
    enabled = {
        r["name"] for u in rules["users"].values() for r in u["rules"] if r.get("enabled", True)
    }
    assert {name for one in told for name in one["rules"]} == enabled
    assert {one["status"] for one in told} == {"sent", "failed"}
    keys = {"message", "user", "rules", "destination", "kind", "address", "status", "reason"}
    assert {frozenset(one) for one in told} == {frozenset(keys)}
    assert all((one["reason"] is None) == (one["status"] == "sent") for one in told)
    mails = Path(shown.partition("open: ")[2].splitlines()[0])
    assert len(list(mails.glob("*.eml"))) == sum(
        one["kind"] == "email" and one["status"] == "sent" for one in told
    )
    assert "On IRC would be said:" in shown
    assert "95 % band" in shown


@pytest.mark.real
def test_bad_lines_cost_the_others_nothing(fmn: Fmn, tmp_path: Path) -> None:
    messages = tmp_path / "m.jsonl"
    good = json.dumps({"id": "m-1", "topic": "a.b", "summary": "x\r\nBcc: eve@example.org\x00"})
    messages.write_text(f'{{"id": 1}}\n{good}\nnot json\n{{"topic": "t"}}\n')
    rules = tmp_path / "r.yaml"
    rules.write_text(
        "users: {alice: {destinations: {email: {kind: email, address: alice@example.org}},"
        " rules: [{name: All, everything: true, destinations: [email]}]}}"
    )
    matched = fmn("match", str(messages), "--rules", str(rules), expect=1)
    assert [line["message"] for line in json_lines(matched.stdout)] == ["m-1"]
    assert all(f"line {n}" in matched.stderr for n in (1, 3, 4))
    out = tmp_path / "told.jsonl"
    played = ["demo", "--once", "--messages", str(messages), "--rules", str(rules)]
    shown = fmn(*played, "--json", str(out), expect=1).stderr
    assert all(f"line {n}" in shown for n in (1, 3, 4))
    assert [(one["message"], one["status"]) for one in json_lines(out.read_text())] == [
        ("m-1", "sent")
    ]
    mails = Path(shown.partition("open: ")[2].splitlines()[0])
    [mail] = [at.read_text() for at in mails.glob("*.eml")]
    head, _, _ = mail.partition("\n\n")
    assert "\nBcc:" not in head


@pytest.mark.real
def test_the_demo_goes_on_and_shows_the_pages_of_one_of_its_people(tmp_path: Path) -> None:
    with (
        demo([sys.executable, "-m", "fmn"], tmp_path) as address,
        httpx.Client(base_url=address, follow_redirects=True) as browser,
    ):
        home, rules = browser.get("/").text, browser.get("/rules").text
    assert "Build COMPLETE: alice&#39;s rocketsled-3.1-1.fc45" in home
    assert "When something breaks that I or my groups own" in rules
