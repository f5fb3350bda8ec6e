"""The demo's stage: what stands in its folder says the same as the rules it plays."""

import re
import tomllib
from pathlib import Path

import pytest

from fmn.cli.rules import directory_of, read_rules
from fmn.cli.settings import site
from fmn.cli.stage import directory_in_toml, toml
from fmn.config import Directory
from fmn.directory.file import FileDirectory
from tests.cli.conftest import Fmn

ODD = r"rpms/\"o\\dd\" \u2028 \U0001F600 \x7f"
"""An artifact whose name needs care in every notation; as YAML escapes it."""


def test_the_directory_in_the_folder_is_that_of_the_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "users: {alice: {groups: [kitchen-sig, tea]}, bob: {groups: [tea]}, charlie: {}}\n"
        f'owners: {{"{ODD}": {{users: [alice]}}, rpms/kernel: {{groups: [tea]}}}}\n'
    )
    book = read_rules(str(rules), site(None))
    file = tmp_path / "directory.toml"
    file.write_text(toml(directory_in_toml(book)))
    assert tomllib.loads(file.read_text())["owners"].keys() == {of.artifact for of in book.owners}
    written, said = FileDirectory(Directory(path=str(file))).current, directory_of(book).current
    assert written.owners == said.owners
    users = ("alice", "bob", "charlie")
    for user in users:
        assert written.memberships.groups_of(user) == said.memberships.groups_of(user)
    for group in ("kitchen-sig", "tea"):
        assert written.memberships.members_of(group) == said.memberships.members_of(group)


@pytest.mark.real
def test_a_file_may_have_any_name(fmn: Fmn, tmp_path: Path) -> None:
    messages = tmp_path / "m\U0001f600.jsonl"
    messages.write_text('{"id": "m-1", "topic": "a.b"}\n')
    fmn("demo", "--once", "--messages", str(messages))


@pytest.mark.real
def test_what_is_published_while_the_demo_runs_is_not_in_its_samples(
    fmn: Fmn, tmp_path: Path
) -> None:
    messages = tmp_path / "messages.jsonl"
    messages.write_text('{"id": "m-1", "topic": "a.b"}\n')
    before = messages.read_text()
    said = fmn("demo", "--once", "--messages", str(messages)).stderr
    found = re.search(
        r"Mails, for any mail program to open: (\S+)/mails", "".join(said.split("\n"))
    )
    assert found
    config = ["--config", f"{found[1]}/fmn.toml"]
    fmn("publish", "-", *config, input='{"id": "m-2", "topic": "a.b"}\n')
    assert messages.read_text() == before
    assert "irc" in fmn("config", "check", *config).stderr


def test_rules_of_nobody_are_refused(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("users: {}\n")
    assert "--rules: there is nobody in it" in fmn("demo", "--rules", "r.yaml", expect=2).stderr
