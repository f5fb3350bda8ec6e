"""Where the AMQP server is: our settings, else fedora-messaging's configuration."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from fmn.bus.access import Access, access
from fmn.config import Bus
from fmn.errors import ConfigError
from tests.bus.conftest import Site


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return tmp_path / "fedora-messaging.toml"


def read(theirs: Path, text: str = "", **settings: Any) -> Access:
    theirs.write_text(text)
    return access(Bus(fedora_messaging=str(theirs), **settings))


def test_with_a_url_all_is_ours(theirs: Path) -> None:
    found = read(
        theirs,
        'amqp_url = "amqp://there/"',
        url="amqp://alice:secret@here:5673/v",
        exchange="ours",
        routing_keys=["a.#", "b.#"],
    )
    assert (found.url.host, found.url.port, found.url.user) == ("here", 5673, "alice")
    assert found.bindings == (("ours", "a.#"), ("ours", "b.#"))
    assert (found.tls, found.passive) == (None, False)
    assert found.shown == "amqp://alice@here:5673/v"


def test_without_a_url_the_file_says_where_and_what(theirs: Path) -> None:
    found = read(
        theirs,
        """
amqp_url = "amqp://there:5674/v?connection_attempts=3&heartbeat=20"
passive_declares = true

[[bindings]]
queue = "theirs"
exchange = "one"
routing_keys = ["a.#", "b.#"]

[[bindings]]
queue = "theirs"
exchange = "two"
routing_keys = ["c.#"]
""",
    )
    assert str(found.url) == "amqp://there:5674/v?heartbeat=20"
    assert found.bindings == (("one", "a.#"), ("one", "b.#"), ("two", "c.#"))
    assert found.passive


def test_what_to_bind_is_ours_where_we_say_it(theirs: Path) -> None:
    text = '[[bindings]]\nqueue = ""\nexchange = "theirs"\nrouting_keys = ["t"]'
    assert read(theirs, text, routing_keys=["o"]).bindings == (("amq.topic", "o"),)
    assert read(theirs, text, exchange="ours").bindings == (("ours", "#"),)


def test_an_empty_file_is_a_server_on_this_machine(theirs: Path) -> None:
    found = read(theirs)
    assert (found.url.scheme, found.url.host, found.url.path) == ("amqp", "localhost", "/")
    assert found.bindings == (("amq.topic", "#"),)


def test_the_environment_names_the_file(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs.write_text('amqp_url = "amqp://there/"')
    monkeypatch.setenv("FEDORA_MESSAGING_CONF", str(theirs))
    assert access(Bus()).url.host == "there"


def test_certificates_are_taken_from_the_file(theirs: Path) -> None:
    found = read(theirs, 'amqp_url = "amqps://there/"')
    assert isinstance(found.tls, ssl.SSLContext)
    assert found.tls.verify_mode == ssl.CERT_REQUIRED
    assert found.tls.check_hostname


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("not TOML", "fedora-messaging.toml"),
        ("no_such_key = 1", "no_such_key"),
        ('amqp_url = "http://there/"', "amqp_url"),
        ('amqp_url = "amqp://there:port/"', "amqp_url"),
        ('amqp_url = "amqps://there/"\n[tls]\nca_cert = "/no/such.pem"', "/no/such.pem"),
        ('amqp_url = "amqps://there/"\n[tls]\ncertfile = "/no/c"\nkeyfile = "/no/k"', "/no/c"),
    ],
)
def test_what_is_wrong_is_named(theirs: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(theirs, text)
    assert named in str(refused.value)


def test_a_file_that_went_away_is_named(theirs: Path) -> None:
    theirs.touch()
    settings = Bus(fedora_messaging=str(theirs))
    theirs.unlink()
    with pytest.raises(ConfigError, match=rf"bus\.fedora_messaging.*{theirs.name}"):
        access(settings)


@pytest.mark.parametrize("url", ["here", "http://here", "amqp://alice:hidden@here:port"])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        access(Bus(url=url))
    assert "bus.url" in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.fixture
def pointing(site: Site, theirs: Path) -> Path:
    theirs.write_text(f'amqp_url = "{site.server.url}"')
    return theirs


async def test_a_bus_of_the_file_can_be_used(site: Site, pointing: Path) -> None:
    async with site.bus(url="", fedora_messaging=str(pointing)) as bus:
        assert await bus.publish([b'{"id": "m1", "topic": "%s"}' % site.topic.encode()]) == 1
    assert await site.waiting() == 1
