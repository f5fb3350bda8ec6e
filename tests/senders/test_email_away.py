"""Whose fault it is that a mail did not go, and whether it went: RFC 5321, 4.2; RFC 3463, 3.4.

The server behind the whole lane is away; this one mail cannot go now; nobody can say.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from fmn.emission import Content, Recipient
from fmn.errors import AddressRefused, FmnError, InDoubt, PeerAway, PermanentFailure
from fmn.errors import TransientFailure as Transient
from fmn.model import Key, RuleId
from fmn.senders.email import Email
from tests.peers import PATIENCE, free_port
from tests.peers.scripted import HANG_UP, STALL, scripted
from tests.peers.smtp import Smtp, mail_server
from tests.senders.conftest import Certificate

CONTENT = Content(kind="email", subject="A build failed", text="It failed.\n")
ALICE = Recipient(
    keys=(Key("m1:d1"),), address="alice@example.org", rules={RuleId("r1"): "My packages"}
)
LOGIN = {"username": "fmn", "password": "hunter2"}
AUTH = "250-here\r\n250 AUTH PLAIN LOGIN"


def settings(port: int, **more: Any) -> Email.Settings:
    values = {"host": "127.0.0.1", "port": port, "timeout": "0.3s", "connections": 1}
    return Email.Settings(**values | more)


async def failing(email: Email, content: Content = CONTENT) -> FmnError:
    with pytest.raises(FmnError) as raised:
        await email.send(content, ALICE)
    assert "hunter2" not in str(raised.value)
    return raised.value


ANSWERS = [
    ("HELLO", "421 4.3.2 shutting down", PeerAway),
    ("HELLO", "450 busy", PeerAway),
    ("HELLO", "554 no mail here", PeerAway),
    ("HELLO", "nonsense", PeerAway),
    ("HELLO", HANG_UP, PeerAway),
    ("HELLO", STALL, PeerAway),
    ("EHLO", "421 going", PeerAway),
    ("EHLO", "451 later", PeerAway),
    ("EHLO", HANG_UP, PeerAway),
    ("EHLO", STALL, PeerAway),
    ("MAIL", "421 going", PeerAway),
    ("MAIL", "450 later", PeerAway),
    ("MAIL", "451 4.7.1 too many connections", PeerAway),
    ("MAIL", "452 4.3.1 disk full", PeerAway),
    ("MAIL", "530 5.7.0 log in", PeerAway),
    ("MAIL", "553 5.7.1 not one of ours", PeerAway),
    ("MAIL", "452 4.3.4 too big for now", Transient),  # of this mail: RFC 3463, 3.4
    ("MAIL", "552 too big", PermanentFailure),
    ("MAIL", HANG_UP, PeerAway),
    ("MAIL", STALL, PeerAway),
    ("RCPT", "421 going", PeerAway),
    ("RCPT", "421 4.7.0 going", PeerAway),
    ("RCPT", "451 4.3.0 a table cannot be read", PeerAway),
    ("RCPT", "452 4.3.1 disk full", PeerAway),
    ("RCPT", "450 4.3.2 not now", PeerAway),
    ("RCPT", "451 4.3.5 badly configured", PeerAway),
    ("RCPT", "452 4.3.4 too big for now", Transient),
    ("RCPT", "450 4.1.1 not sure", Transient),
    ("RCPT", "450 4.2.1 mailbox busy", Transient),
    ("RCPT", "451 4.7.1 greylisted", Transient),
    ("RCPT", "451 local error", Transient),
    ("RCPT", "452 4.5.3 too many recipients", Transient),
    ("RCPT", "550 5.3.0 no", PermanentFailure),
    ("RCPT", "550 5.1.1 nobody", AddressRefused),
    ("RCPT", HANG_UP, Transient),  # This recipient may be why.
    ("RCPT", STALL, Transient),
    ("DATA", "421 going", PeerAway),
    ("DATA", "451 4.3.0 no", PeerAway),
    ("DATA", "451 later", Transient),
    ("DATA", "554 no", PermanentFailure),
    ("DATA", HANG_UP, Transient),
    ("DATA", STALL, Transient),
    ("DATA", "nonsense", Transient),
    ("END", "451 4.3.0 disk", PeerAway),
    ("END", "452 4.3.1 disk full", PeerAway),
    ("END", "451 later", Transient),
    ("END", "421 going", Transient),  # An answer: it was not taken.
    ("END", "450 4.7.1 greylisted", Transient),
    ("END", "554 5.7.1 spam", PermanentFailure),
    ("END", HANG_UP, InDoubt),
    ("END", STALL, InDoubt),
    ("END", "nonsense", InDoubt),
    ("END", "999 what", InDoubt),
    ("END", "354 go on", InDoubt),
    ("END", "25", InDoubt),
    ("END", "2" * 100_000, InDoubt),
]


@pytest.mark.parametrize(("command", "answer", "failure"), ANSWERS)
async def test_who_is_to_blame_and_whether_it_may_have_gone(
    command: str, answer: str, failure: type[FmnError]
) -> None:
    async with scripted(**{command: [answer]}) as peer, Email(settings(peer.port)) as email:
        failed = await failing(email)
        await email.send(CONTENT, ALICE)

    assert type(failed) is failure
    assert str(failed).isprintable()
    assert len(peer.mails) == (2 if command == "END" else 1)


@pytest.mark.parametrize("answer", ["252 perhaps", "299 yes", "250"])
async def test_the_first_digit_says_that_it_was_taken(answer: str) -> None:
    """RFC 5321, 4.2: what is not known is read by its first digit."""
    async with scripted(END=[answer]) as peer, Email(settings(peer.port)) as email:
        await email.send(CONTENT, ALICE)

    assert len(peer.mails) == 1


LOGINS = ["535 5.7.8 wrong", "534 5.7.9 weak", "454 4.7.0 not now", "421 bye", "what", STALL]
LOGINS += ["535-no\r\n235 yes"]


@pytest.mark.parametrize("answer", LOGINS)
async def test_a_login_that_is_not_granted_is_a_fault_that_hits_all(answer: str) -> None:
    script = {"EHLO": [AUTH], "AUTH": [answer, answer]}
    async with scripted(**script) as peer, Email(settings(peer.port, **LOGIN)) as email:
        assert type(await failing(email)) is PeerAway

    assert peer.mails == []


@pytest.mark.parametrize("answer", ["454 no TLS", "501 what", HANG_UP, STALL, "220 go"])
async def test_starttls_that_fails_is_a_fault_that_hits_all(answer: str) -> None:
    script = {"EHLO": ["250-here\r\n250 STARTTLS"], "STAR": [answer]}
    async with scripted(**script) as peer, Email(settings(peer.port, tls="starttls")) as email:
        assert type(await failing(email)) is PeerAway

    assert peer.mails == []


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_where_nobody_listens_the_peer_is_away(host: str) -> None:
    port = free_port()
    async with Email(settings(port, host=host, timeout="5s")) as email:
        failed = await failing(email)

    assert type(failed) is PeerAway
    assert f"mail server {host}:{port}" in str(failed)


async def test_a_host_that_answers_no_knock_is_away() -> None:
    """Its queue of connections is full, so that nothing comes back, as from behind a wall."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with Email(settings(full.getsockname()[1])) as email:
            failed = await failing(email)

    assert type(failed) is PeerAway
    assert "no answer in 0.3 s" in str(failed)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_nobody_knows_is_a_fault_that_hits_all(
    certificate: Certificate, tls: str
) -> None:
    context = certificate.context()
    how: dict[str, Any] = {"tls_context": context} if tls == "starttls" else {"context": context}
    with mail_server(**how) as peer:
        async with Email(settings(peer.port, host="localhost", tls=tls, timeout="9s")) as email:
            failed = await failing(email)

    assert type(failed) is PeerAway
    assert "certificate is not trusted" in str(failed)


async def test_a_wrong_password_is_a_fault_that_hits_all(certificate: Certificate) -> None:
    with mail_server(tls_context=certificate.context(), auth_required=True) as peer:
        how = {"host": "localhost", "tls": "starttls", "ca_file": str(certificate.path)}
        async with Email(settings(peer.port, timeout="9s", **how, **LOGIN)) as email:
            assert type(await failing(email)) is PeerAway


@pytest.mark.parametrize(("what", "failure"), [("drop", InDoubt), ("stall", InDoubt)])
async def test_a_real_server_that_has_it_and_does_not_say_so(
    smtp: Smtp, what: str, failure: type[FmnError]
) -> None:
    smtp.contents[ALICE.address] = what
    async with Email(settings(smtp.port, timeout="1s")) as email:
        assert type(await failing(email)) is failure
        await email.send(CONTENT, replace(ALICE, address="bob@example.org"))

    assert len(smtp.mails) == 1


async def test_a_refusal_is_told_at_once_whatever_the_server_does_then() -> None:
    script = {"RCPT": ["550 5.1.1 nobody"], "RSET": [STALL]}
    async with scripted(**script) as peer, Email(settings(peer.port)) as email:
        assert type(await failing(email)) is AddressRefused
        assert type(await failing(email)) is PeerAway  # It stalls, and the mail has not begun.
        await email.send(CONTENT, ALICE)

    assert peer.connections == 2


async def test_an_answer_too_many_is_not_the_next_ones() -> None:
    """A 250 that comes before the mail has gone says nothing of it."""
    script = {"DATA": ["354 go on\r\n250 taken"], "END": ["554 not taken"]}
    async with scripted(**script) as peer, Email(settings(peer.port)) as email:
        assert type(await failing(email)) is Transient

    assert peer.mails == []


async def test_after_an_answer_too_many_the_next_mail_has_another_connection() -> None:
    async with (
        scripted(END=["250 taken\r\n250 taken"]) as peer,
        Email(settings(peer.port)) as email,
    ):
        await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 2
    assert len(peer.mails) == 2


MIXED = [
    ("HELLO", "554-no\r\n220 hello", PeerAway),
    ("EHLO", "550-no\r\n250 SIZE 1000", PeerAway),
    ("MAIL", "012-no\r\n250 OK", PeerAway),
    ("MAIL", "250-OK\r\n552 too big", PeerAway),
    ("RCPT", "550-nobody\r\n250 OK", Transient),
    ("RCPT", "250-OK\r\n550 5.1.1 nobody", Transient),
    ("DATA", "554-no\r\n354 go on", Transient),
    ("DATA", "354-go on\r\n554 no", Transient),
    ("MEANWHILE", "012-no", InDoubt),  # It is the server's OK to the mail that ends it.
    ("END", "554-no\r\n250 OK", InDoubt),
    ("END", "250-OK\r\n554 5.7.1 spam", InDoubt),
    ("END", "250-OK\r\n451-later\r\n250 OK", InDoubt),
    ("END", "251-OK\r\n250 OK", InDoubt),
]


@pytest.mark.parametrize(("command", "answer", "failure"), MIXED)
async def test_lines_with_different_codes_are_no_answer_and_end_the_connection(
    command: str, answer: str, failure: type[FmnError]
) -> None:
    """RFC 5321, 4.2.1: all lines of an answer have the same code."""
    async with scripted(**{command: [answer]}) as peer, Email(settings(peer.port)) as email:
        failed = await failing(email)
        await email.send(CONTENT, ALICE)

    assert type(failed) is failure
    assert "different codes" in str(failed)
    assert peer.connections == 2
    assert len(peer.mails) == (2 if failure is InDoubt else 1)


@pytest.mark.parametrize("answer", ["250-OK\r\n250 2.0.0 queued", "250-550\r554-\r\n250"])
async def test_lines_with_the_same_code_are_one_answer(answer: str) -> None:
    async with scripted(END=[answer]) as peer, Email(settings(peer.port)) as email:
        await email.send(CONTENT, ALICE)
        await email.send(CONTENT, ALICE)

    assert peer.connections == 1
    assert len(peer.mails) == 2


LARGE = replace(CONTENT, text=("x" * 70 + "\n") * 200_000)
"""More than all buffers between us hold."""
END = b"\r\n.\r\n"


class Narrow:
    """A mail server that reads nothing of a mail until it is told to."""

    def __init__(self) -> None:
        self.port = 0
        self.go_on = asyncio.Event()
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.meanwhile = b""
        """What it says when a mail has begun to come."""
        self.got = b""
        self.writers: list[asyncio.StreamWriter] = []

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"220 hello\r\n")
        while (line := await reader.readline())[:4] != b"DATA":
            writer.write(b"250 OK\r\n" if line[:4] != b"QUIT" else b"221 bye\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
        writer.write(b"354 go on\r\n")
        self.began.set()
        await self.go_on.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # of a socket
        try:
            while more := await reader.read(1 << 20):
                writer.write(b"" if self.got else self.meanwhile)
                self.got = self.got[-10:] + more[-10:]
                writer.write(b"250 OK\r\n" if self.got.endswith(END) else b"")
        except OSError:
            pass
        writer.transport.abort()
        self.ended.set()


@asynccontextmanager
async def narrow() -> AsyncIterator[Narrow]:
    peer, tasks = Narrow(), []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.ensure_future(peer.serve(reader, writer)))

    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.bind(("127.0.0.1", 0))
        peer.port = small.getsockname()[1]
        async with await asyncio.start_server(connected, sock=small):
            yield peer
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            peer.hang_up()


async def test_a_mail_that_left_in_part_is_not_in_doubt_and_its_rest_never_leaves() -> None:
    async with narrow() as peer, Email(settings(peer.port, timeout="2s")) as email:
        failed = await failing(email, LARGE)
        assert peer.began.is_set()
        peer.go_on.set()
        async with asyncio.timeout(PATIENCE):
            await peer.ended.wait()

    assert type(failed) is Transient
    assert not peer.got.endswith(END)


async def test_a_connection_cut_within_a_mail_is_not_in_doubt() -> None:
    async with narrow() as peer, Email(settings(peer.port, timeout="20s")) as email:
        sending = asyncio.create_task(failing(email, LARGE))
        async with asyncio.timeout(PATIENCE):
            await peer.began.wait()
            peer.hang_up()
            failed = await sending

    assert type(failed) is Transient


@pytest.mark.parametrize("said", [b"012-no\r\n", b"250 taken\r\n"])
async def test_what_comes_while_a_mail_leaves_is_no_part_of_the_answer_to_it(said: bytes) -> None:
    async with narrow() as peer, Email(settings(peer.port, timeout="20s")) as email:
        peer.meanwhile = said
        peer.go_on.set()
        failed = await failing(email, LARGE)
        async with asyncio.timeout(PATIENCE):
            await peer.ended.wait()

    assert type(failed) is Transient
    assert not peer.got.endswith(END)
