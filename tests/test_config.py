"""Settings: from a file, then the environment; what nobody knows is refused by name."""

from datetime import timedelta
from pathlib import Path

import pytest

from fmn.config import Settings, read
from fmn.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_anything_the_defaults_hold() -> None:
    settings, source = read(None, {"HOME": "/nowhere"})
    assert settings == Settings()
    assert source.file is None


def test_the_file_then_the_environment_and_the_first_file_named_wins(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[queues]\nchannels = 8\nbatch = 7\n")
    (tmp_path / "fmn.toml").write_text("[queues]\nchannels = 9\n")
    environ = {"FMN_CONFIG": "a.toml", "FMN_QUEUES__BATCH": "50"}
    assert read("fmn.toml", environ)[0].queues.channels == 9
    named, source = read(None, environ)
    assert (named.queues.channels, named.queues.batch, source.file) == (8, 50, "a.toml")
    assert read(None, {})[0].queues.channels == 9


def test_values_of_the_environment_are_read_as_their_setting_asks() -> None:
    environ = {
        "FMN_BUS__ROUTING_KEYS": '["org.#", "com.#"]',
        "FMN_RETRY__FIRST": "90s",
        "FMN_SENDERS__EMAIL__PASSWORD": "12345",
    }
    settings, _ = read(None, environ)
    assert settings.bus.routing_keys == ("org.#", "com.#")
    assert settings.retry.first == timedelta(seconds=90)
    assert settings.senders == {"email": {"password": "12345"}}


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("[queues]\nchanels = 4", "fmn.toml: queues.chanels", "no such setting"),
        ("[nosuch]\na = 1", "fmn.toml: nosuch", "no such setting"),
        ("[queues]\nchannels = 0", "fmn.toml: queues.channels", "greater than or equal to 1"),
        ("[queues]\nmode = 'x'", "fmn.toml: queues.mode", "expected 'streams' or 'pubsub'"),
        ("[retry]\nfirst = 5", "fmn.toml: retry.first", "a number above 0 and a unit"),
        ("[queues]\nclaims = '0s'", "fmn.toml: queues.claims", "a number above 0 and a unit"),
        ("[queues\n", "fmn.toml", "not TOML"),
    ],
)
def test_a_bad_file_is_one_line_with_file_key_and_what_is_expected(
    text: str, named: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "fmn.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        read(None, {})
    assert named in str(refused.value)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value.args[0])


@pytest.mark.parametrize("name", ["FMN_NOSUCH", "FMN_QUEUES__NOSUCH", "FMN_QUEUES__CHANNELS__X"])
def test_a_variable_nobody_knows_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        read(None, {name: "1"})


def test_variables_of_the_tests_are_no_settings() -> None:
    assert read(None, {"FMN_TEST_STRICT": "1"})[0] == Settings()


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        read("nowhere.toml", {})


def test_a_variable_finds_what_the_file_names_whatever_its_case(tmp_path: Path) -> None:
    config = tmp_path / "fmn.toml"
    config.write_text('[senders.irc.networks.OFTC]\nhost = "irc.example.org"\n')
    settings, _ = read(str(config), {"FMN_SENDERS__IRC__NETWORKS__OFTC__PASSWORD": "p"})
    assert settings.senders["irc"]["networks"] == {
        "OFTC": {"host": "irc.example.org", "password": "p"}
    }
