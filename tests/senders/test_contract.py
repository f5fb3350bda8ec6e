"""What every kind of sender keeps, whatever it speaks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from fmn.config import Section
from fmn.emission import Content, Recipient
from fmn.errors import PermanentFailure, TransientFailure
from fmn.kinds import Sender, kinds, load
from fmn.model import Key, RuleId
from tests.peers import free_port

KINDS = sorted(kinds("fmn.senders"))
ADDRESSES = {"email": "alice@example.org", "irc": "alice"}
"""An address of each kind; a new kind adds its own."""
SECRETS = ("password", "token", "secret", "key")
PATIENCE = 0.5


def sender_class(kind: str) -> Any:
    return load(kinds("fmn.senders")[kind])


def sender(kind: str, **settings: Any) -> Sender:
    made = sender_class(kind)
    sender: Sender = made(made.Settings(**settings))
    return sender


def content(kind: str, text: str = "It failed.") -> Content:
    return Content(kind=kind, subject="A build failed", text=text)


def recipient(address: str) -> Recipient:
    return Recipient(keys=(Key("m1:d1"),), address=address, rules={RuleId("r1"): "My packages"})


def at(port: int) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "timeout": f"{PATIENCE}s"}


@asynccontextmanager
async def peer(says: bytes, *, stays: bool) -> AsyncIterator[int]:
    """Be somebody who says only this, whatever the sender wants."""
    ended = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        if stays:
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        ended.set()


def test_the_kinds_are_the_files() -> None:
    assert set(KINDS) >= {"email", "irc"}
    assert set(ADDRESSES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_have_defaults_and_say_what_they_are_for(kind: str) -> None:
    settings = sender_class(kind).Settings

    assert issubclass(settings, Section)
    assert settings.__doc__
    assert settings() == settings.model_validate({})


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_are_never_shown(kind: str) -> None:
    settings = sender_class(kind).Settings
    secrets = [name for name in settings.model_fields if name.endswith(SECRETS)]

    assert secrets
    for name in secrets:
        assert isinstance(getattr(settings(), name), SecretStr)
        assert "hush-hush" not in repr(settings(**{name: "hush-hush"}))


@pytest.mark.parametrize("kind", KINDS)
async def test_it_says_how_much_it_does_at_once_and_as_whom(kind: str) -> None:
    made = sender(kind)

    assert made.at_once >= 1
    assert made.account is None or made.account.isprintable()


@pytest.mark.parametrize("kind", KINDS)
async def test_it_comes_and_goes_without_its_peer(kind: str) -> None:
    async with asyncio.timeout(10):
        async with sender(kind, **at(free_port())):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_is_away_is_a_failure_for_now_that_names_it(kind: str) -> None:
    port = free_port()
    async with sender(kind, **at(port)) as away:
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{port}"):
            await away.send(content(kind), recipient(ADDRESSES[kind]))


PEERS = {
    "says nothing": (b"", True),
    "hangs up": (b"", False),
    "talks nonsense": (b"\x00\xff nonsense\r\n\r\n:\r\n 001\r\n-\r\n" * 3, True),
    "talks without an end": (b"x" * 1_000_000, True),
    "talks nonsense and hangs up": (b"999 \xff\r\n", False),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PEERS)
async def test_a_peer_that_fails_is_a_failure_for_now_within_the_timeout(
    kind: str, name: str
) -> None:
    says, stays = PEERS[name]
    async with peer(says, stays=stays) as port, sender(kind, **at(port)) as failing:
        began = time.monotonic()
        with pytest.raises(TransientFailure) as failure:
            await failing.send(content(kind), recipient(ADDRESSES[kind]))

    assert time.monotonic() - began < 10 * PATIENCE
    assert str(failure.value).isprintable()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("addition", ["\r\nBcc: b@example.org", "\nQUIT", "\r", "\x00", " b", ",b"])
async def test_an_address_with_anything_behind_it_fails_for_good_before_anybody_is_asked(
    kind: str, addition: str
) -> None:
    address = ADDRESSES[kind] + addition
    async with sender(kind, **at(free_port())) as made:  # nobody there: asked, it is for now
        with pytest.raises(PermanentFailure) as failure:
            await made.send(content(kind), recipient(address))

    assert repr(address) in str(failure.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_can_ask_whether_an_address_is_one(kind: str) -> None:
    made = sender_class(kind)
    assert made.fault(ADDRESSES[kind]) is None
    assert made.fault("") is not None
    assert made.fault("a b\r\nc") is not None
    assert made.unproven(ADDRESSES[kind]) is None
