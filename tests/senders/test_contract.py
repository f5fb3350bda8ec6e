"""What every kind of sender keeps, whatever it speaks."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from fmn.config.fields import Section
from fmn.emission import Learned
from fmn.errors import PermanentFailure, TransientFailure
from fmn.kinds import Proof, kinds
from tests.peers import free_port
from tests.senders.contract import (
    CASES,
    PATIENCE,
    content,
    recipient,
    sender,
    sender_class,
    speaking_to,
)
from tests.senders.taking import losing

KINDS = sorted(kinds("fmn.senders"))
SECRETS = ("password", "token", "secret", "key")
ADDITIONS = ["\r\nBcc: b@example.org", "\nQUIT", "\r", "\x00", " b", "\u2028"]


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
    assert set(KINDS) == {"chat", "email", "irc", "matrix", "push", "webhook"}
    assert set(CASES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_have_defaults_and_say_what_they_are_for(kind: str) -> None:
    settings = sender_class(kind).Settings

    assert issubclass(settings, Section)
    assert settings.__doc__
    assert settings() == settings.model_validate({})


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_lacks_is_named(kind: str) -> None:
    lacks = sender(kind).lacks
    assert lacks is None or lacks.startswith(f"senders.{kind}.")
    assert speaking_to(kind, 1).lacks is None


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_are_never_shown(kind: str) -> None:
    settings = sender_class(kind).Settings
    secrets = [
        name
        for name, field in settings.model_fields.items()
        if name.endswith(SECRETS) and field.annotation is not None
    ]

    for name in secrets:
        assert isinstance(getattr(settings(), name), SecretStr)
        assert "hush-hush" not in repr(settings.model_construct(**{name: SecretStr("hush-hush")}))


@pytest.mark.parametrize("kind", KINDS)
async def test_it_says_how_much_it_does_at_once_and_as_whom(kind: str) -> None:
    made = sender(kind)

    assert made.at_once >= 1
    assert made.account is None or made.account.isprintable()


@pytest.mark.parametrize("kind", KINDS)
async def test_it_comes_and_goes_without_its_peer(kind: str) -> None:
    async with asyncio.timeout(10):
        async with speaking_to(kind, free_port()):
            pass


@pytest.mark.parametrize("kind", KINDS)
async def test_where_nothing_comes_back_by_itself_there_is_nothing_to_hear(kind: str) -> None:
    async def tell(_: Learned) -> None:
        raise AssertionError

    async with asyncio.timeout(10):
        await speaking_to(kind, free_port()).hear(tell)


@pytest.mark.parametrize("kind", KINDS)
async def test_where_nobody_listens_it_is_a_failure_for_now_that_names_whom_it_hits(
    kind: str,
) -> None:
    port, case = free_port(), CASES[kind]
    async with speaking_to(kind, port) as away:
        with pytest.raises(TransientFailure, match=f"127.0.0.1:{port}") as failure:
            await away.send(content(kind), recipient(case.address(port)))

    assert type(failure.value) is case.away


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_peer_took_before_its_answer_was_lost_is_in_doubt(kind: str) -> None:
    case = CASES[kind]
    async with losing(case.taking) as (port, taken), speaking_to(kind, port) as sending:
        address = case.address(port)
        with pytest.raises(TransientFailure) as failure:
            await sending.send(content(kind), recipient(address))

    assert taken  # More than once where that is harmless: in Matrix.
    assert type(failure.value) is case.lost
    said = str(failure.value)
    assert said.isprintable()
    assert not [secret for secret in case.hidden(address) if secret in said]


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
    async with peer(says, stays=stays) as port, speaking_to(kind, port) as failing:
        address = CASES[kind].address(port)
        began = time.monotonic()
        with pytest.raises(TransientFailure) as failure:
            await failing.send(content(kind), recipient(address))

    assert time.monotonic() - began < 20 * PATIENCE
    said = str(failure.value)
    assert said.isprintable()
    assert not [secret for secret in CASES[kind].hidden(address) if secret in said]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("addition", ADDITIONS)
async def test_an_address_with_anything_behind_it_fails_for_good_before_anybody_is_asked(
    kind: str, addition: str
) -> None:
    port = free_port()  # nobody there: asked, it is for now
    address = CASES[kind].address(port) + addition
    async with speaking_to(kind, port) as made:
        assert made.fault(address) is not None
        with pytest.raises(PermanentFailure) as failure:
            await made.send(content(kind), recipient(address))

    said = str(failure.value)
    assert said.isprintable()
    assert not [secret for secret in CASES[kind].hidden(address) if secret in said]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_can_ask_about_an_address_and_show_it_without_its_secrets(kind: str) -> None:
    made, case = speaking_to(kind, 1234), CASES[kind]
    address = case.address(1234)

    assert made.fault(address) is None
    assert made.fault("") is not None
    assert made.fault("a b\r\nc") is not None
    assert isinstance(made.proof(address), Proof)
    shown = made.shown(address)
    assert shown
    assert not [secret for secret in case.hidden(address) if secret in shown]
    assert made.shown("") is not None  # whatever is saved can be shown
    assert made.shown("a b\r\nc") is not None


@pytest.mark.parametrize("kind", KINDS)
def test_people_are_asked_for_an_address_in_words(kind: str) -> None:
    forms = speaking_to(kind, 1).forms
    assert forms
    for form in forms:
        assert form.title
        assert all(re.fullmatch("[a-z_0-9]+", field.name) for field in form.fields)
        assert all(field.label for field in form.fields)
        given = {field.name: "x" for field in form.fields}
        assert form.address(given).count("x") >= len(form.fields)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_form_gives_no_address(kind: str) -> None:
    made = speaking_to(kind, 1)
    assert all(made.fault(form.address({})) for form in made.forms)
