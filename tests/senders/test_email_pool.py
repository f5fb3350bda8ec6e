"""What mail servers do to their clients: they say no, hang up, stall and talk nonsense."""

import asyncio
import base64
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog

from fmn.emission import Content, Recipient
from fmn.errors import AddressRefused, FmnError, PermanentFailure, TransientFailure
from fmn.model import Key, RuleId
from fmn.senders.email import Email
from tests.peers import PATIENCE
from tests.peers.scripted import HANG_UP, POLITE, STALL, scripted
from tests.peers.smtp import Smtp

CONTENT = Content(kind="email", subject="A build failed", text="It failed.\n.\n..\nFrom here\n")
ALICE = Recipient(
    keys=(Key("m1:d1"),), address="alice@example.org", rules={RuleId("r1"): "My packages"}
)


def settings(port: int, **more: Any) -> Email.Settings:
    values = {"host": "127.0.0.1", "port": port, "timeout": "20s", "connections": 1}
    return Email.Settings(**values | more)


REFUSALS = [
    ("550 no", AddressRefused),
    ("550 5.1.1 no such user", AddressRefused),
    ("550 #5.1.1 no such user", AddressRefused),
    ("550 no mailbox here by that name (#5.1.1)", AddressRefused),
    ("550 <alice@example.org>: Recipient address rejected: User unknown", AddressRefused),
    ("550 <nospam@relay.example.org>: user unknown", AddressRefused),
    ("550 5.2.1 mailbox disabled", AddressRefused),
    ("550 5.4.4 no such host", AddressRefused),
    ("551 not local", AddressRefused),
    ("553 mailbox name", AddressRefused),
    ("556 takes no mail", AddressRefused),
    ("554 5.1.10 null MX", AddressRefused),
    ("550 5.7.1 you are on a list", PermanentFailure),
    ("550 #5.7.1 you are on a list", PermanentFailure),
    ("553 you are on a list (#5.7.1)", PermanentFailure),
    ("550 5.5.4 what is that", PermanentFailure),
    ("550 5.2.2 mailbox full", PermanentFailure),
    ("550 4.4.1 no answer from there", PermanentFailure),
    ("550 relay not permitted", PermanentFailure),
    ("550 Relaying denied", PermanentFailure),
    ("550 192.0.2.1 is listed at rbl.example.net", PermanentFailure),
    ("550 found in a DNSBL", PermanentFailure),
    ("550 your network is on our Blacklist", PermanentFailure),
    ("550 blocked, see our page", PermanentFailure),
    ("550 rejected by local policy", PermanentFailure),
    ("550 looks like spam", PermanentFailure),
    ("553 sender verify failed", PermanentFailure),
    ("554 no", PermanentFailure),
    ("552 5.2.2 mailbox full", PermanentFailure),
    ("550 5.1.7 sender is malformed", TransientFailure),
    ("550 5.1.8 sender rejected", TransientFailure),
    ("450 4.1.1 not sure", TransientFailure),
    ("451 4.7.1 greylisted", TransientFailure),
    ("530 5.7.0 log in", TransientFailure),
]


@pytest.mark.parametrize(("answer", "failure"), REFUSALS)
async def test_only_a_refusal_of_the_address_counts_against_it(
    smtp: Smtp, answer: str, failure: type[FmnError]
) -> None:
    smtp.recipients[ALICE.address] = answer
    async with Email(settings(smtp.port)) as email:
        with pytest.raises(FmnError) as raised:
            await email.send(CONTENT, ALICE)
        await email.send(CONTENT, replace(ALICE, address="bob@example.org"))

    assert type(raised.value) is failure
    assert len(smtp.mails) == 1


async def test_a_mail_that_is_refused_says_nothing_of_the_address(smtp: Smtp) -> None:
    smtp.contents[ALICE.address] = "550 5.1.1 in the wrong place"
    async with Email(settings(smtp.port)) as email:
        with pytest.raises(PermanentFailure) as raised:
            await email.send(CONTENT, ALICE)

    assert type(raised.value) is PermanentFailure


@pytest.mark.parametrize("failure", [HANG_UP, "421 4.4.2 you were idle"])
@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_connection_closed_while_idle_costs_no_attempt(failure: str, command: str) -> None:
    async with (
        scripted(**{command: ["250 OK", failure]}) as peer,
        Email(settings(peer.port)) as email,
    ):
        await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert len(peer.mails) == 2
    assert peer.connections == 2


async def test_a_connection_that_was_seen_to_close_is_made_again() -> None:
    async with scripted() as peer, Email(settings(peer.port)) as email:
        await email.send(CONTENT, ALICE)
        peer.writers[0].transport.abort()
        await email.send(CONTENT, ALICE)
        peer.writers[1].write(b"421 4.4.2 idle\r\n")
        peer.writers[1].close()
        await email.send(CONTENT, ALICE)

    assert len(peer.mails) == 3
    assert peer.connections == 3


async def test_it_is_connected_again_once_and_not_more() -> None:
    async with (
        scripted(MAIL=["250 OK", HANG_UP, HANG_UP]) as peer,
        Email(settings(peer.port)) as email,
    ):
        await email.send(CONTENT, ALICE)
        with pytest.raises(TransientFailure):
            await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 3
    assert len(peer.mails) == 2


async def test_a_new_connection_that_is_closed_is_a_failure_for_now() -> None:
    async with scripted(MAIL=[HANG_UP]) as peer, Email(settings(peer.port)) as email:
        with pytest.raises(TransientFailure):
            await email.send(CONTENT, ALICE)

    assert peer.connections == 1


@pytest.mark.parametrize("command", ["DATA", "END"])
async def test_once_a_mail_may_have_left_it_is_not_sent_again_by_itself(command: str) -> None:
    first = POLITE[command if command == "DATA" else "."]
    async with scripted(**{command: [first, HANG_UP]}) as peer, Email(settings(peer.port)) as email:
        await email.send(CONTENT, ALICE)
        with pytest.raises(TransientFailure):
            await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 2
    assert len(peer.mails) == (2 if command == "DATA" else 3)


@pytest.mark.parametrize("command", ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "END"])
async def test_a_server_that_stalls_is_a_failure_for_now_and_left(command: str) -> None:
    async with (
        scripted(**{command: [STALL]}) as peer,
        Email(settings(peer.port, timeout="0.3s")) as email,
    ):
        with pytest.raises(TransientFailure, match="no answer"):
            await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 2


ECHOES = ["535 5.7.8 refused: {}", "454 4.7.0 not now: {}", "what is {}", "421 4.3.2 {}"]


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_password_that_the_server_repeats_is_told_to_nobody(
    echo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    told = base64.b64encode(b"\0fmn\0hunter2").decode()
    login = {"username": "fmn", "password": "hunter2"}
    async with (
        scripted(
            EHLO=["250-here\r\n250 AUTH PLAIN"], AUTH=[echo.format(f"AUTH PLAIN {told}")]
        ) as peer,
        Email(settings(peer.port, **login)) as email,
    ):
        with structlog.testing.capture_logs() as logs, pytest.raises(TransientFailure) as raised:
            await email.send(CONTENT, ALICE)

    said = "".join(traceback.format_exception(raised.value)) + str(logs) + str(capfd.readouterr())
    assert peer.heard == ["EHLO", "AUTH"]
    assert told not in said
    assert "hunter2" not in said
    assert str(logs[0]["reason"]).startswith(("our login is refused", "no good answer"))


async def test_before_our_login_only_the_code_of_an_answer_is_told() -> None:
    login = {"username": "fmn", "password": "hunter2"}
    async with (
        scripted(HELLO=["554 5.7.1 hunter2"]) as peer,
        Email(settings(peer.port, **login)) as email,
    ):
        with pytest.raises(TransientFailure, match=r"before our login.*\(554\)") as raised:
            await email.send(CONTENT, ALICE)

    assert "hunter2" not in str(raised.value)


GARBAGE = ["nonsense", "\udcff\udcfe", "999 what", "100 hm", "", "250", "2" * 100_000]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("command", ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "END"])
async def test_nonsense_is_no_answer_and_the_next_mail_has_a_connection_of_its_own(
    command: str, garbage: str
) -> None:
    async with (
        scripted(**{command: [garbage]}) as peer,
        Email(settings(peer.port, timeout="2s")) as email,
    ):
        with suppress(TransientFailure):  # Some of it can be taken for an answer.
            await email.send(CONTENT, ALICE)
        before = len(peer.mails)
        async with asyncio.timeout(PATIENCE):
            await email.send(CONTENT, ALICE)

    assert len(peer.mails) == before + 1


async def test_451_and_then_yes_takes_one_connection() -> None:
    async with (
        scripted(RCPT=["451 later"], END=["451 4.3.0 disk"]) as peer,
        Email(settings(peer.port)) as email,
    ):
        for _ in range(2):
            with pytest.raises(TransientFailure, match=r"\(451\)"):
                await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 1
    assert peer.heard.count("RSET") == 2


async def test_a_server_that_only_knows_helo_is_served() -> None:
    async with scripted(EHLO=["502 what"]) as peer, Email(settings(peer.port)) as email:
        await email.send(CONTENT, ALICE)

    assert peer.heard[:2] == ["EHLO", "HELO"]
    assert len(peer.mails) == 1


async def test_dots_at_the_start_of_lines_are_not_its_end(smtp: Smtp) -> None:
    async with Email(settings(smtp.port)) as email:
        await email.send(CONTENT, ALICE)

    assert smtp.mails[0].message.get_content().splitlines() == CONTENT.text.splitlines()


async def test_a_thousand_mails_over_ten_connections(smtp_sink: int) -> None:
    async with Email(settings(smtp_sink, connections=10)) as email:
        assert email.at_once == 10
        await asyncio.gather(*(email.send(CONTENT, ALICE) for _ in range(1000)))


def test_there_are_ten_connections_unless_others_are_wanted() -> None:
    assert Email(Email.Settings()).at_once == 10
