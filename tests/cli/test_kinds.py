"""Kinds of senders that a site has, lacks, or cannot load."""

import json
from pathlib import Path

import pytest

from fmn.cli.settings import site
from fmn.errors import ConfigError
from tests.cli.conftest import Fmn


def without(library: str, folder: Path) -> dict[str, str]:
    """Return what makes this library not installed."""
    missing = f"raise ModuleNotFoundError({library!r}, name={library!r})\n"
    (folder / f"{library}.py").write_text(missing)
    return {"PYTHONPATH": str(folder)}


def test_a_library_that_nobody_asked_for_may_be_missing(fmn: Fmn, tmp_path: Path) -> None:
    shown = fmn("config", "show", environ=without("nio", tmp_path))
    senders = json.loads(shown.stdout)["senders"]
    assert "matrix" not in senders
    assert "email" in senders


def test_a_kind_whose_library_is_missing_stops_nothing_but_itself(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "fmn.toml").write_text('[senders.matrix]\nuser = "@fmn:example.org"\n')
    environ = without("nio", tmp_path)
    checked = fmn("config", "check", environ=environ)
    assert "sends nothing by matrix" in checked.stderr
    assert "fmn[matrix]" in checked.stderr.replace("\n", "")

    alone = fmn("sender", "matrix", expect=2, environ=environ)
    assert "fmn[matrix]" in alone.stderr


def test_without_settings_the_kinds_that_need_none_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(site(None).uses()) == {"chat", "email", "irc", "webhook"}
    assert site(None).lacking() == []


def test_a_kind_that_lacks_a_setting_is_not_used_and_says_which(tmp_path: Path) -> None:
    config = tmp_path / "fmn.toml"
    config.write_text('[senders.email]\nhost = "localhost"\n[senders.push]\nttl = "1d"\n')
    found = site(str(config))
    assert list(found.uses()) == ["email"]
    [lack] = found.lacking()
    assert lack.startswith("sends nothing by push: senders.push.vapid_key")


def test_a_kind_that_lacks_a_setting_does_not_start(fmn: Fmn, tmp_path: Path) -> None:
    (tmp_path / "fmn.toml").write_text(f'[storage]\nurl = "sqlite:///{tmp_path}/fmn.db"\n')
    started = fmn("sender", "push", expect=2)
    assert "senders.push.vapid_key" in started.stderr


def test_a_kind_with_a_wrong_setting_is_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "fmn.toml"
    config.write_text("[senders.webhook]\nat_once = 0\n")
    with pytest.raises(ConfigError, match=r"senders\.webhook\.at_once"):
        site(str(config))


def test_a_network_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    config = tmp_path / "fmn.toml"
    config.write_text('[senders.webhook]\nprivate_networks = ["127.0.0.1/8"]\n')
    with pytest.raises(ConfigError, match=r"private_networks\.0: expected a network"):
        site(str(config))
