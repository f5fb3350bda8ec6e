import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmn.emission import Content, Learned, News, Recipient
from fmn.errors import Unavailable
from fmn.model import DestinationId, Key, RuleId
from fmn.senders.email import Email
from tests.peers import PATIENCE, answers, free_port
from tests.peers.postfix import Postfix
from tests.peers.smtp import Smtp

CONTENT = Content(kind="email", subject="A build failed", text="It failed.\n")
ALICE = Recipient(
    keys=(Key("m1:0123456789abcdef"),),
    address="alice@gone.test",
    rules={RuleId("r1"): "My packages"},
)
SECRET = "not-to-be-guessed-by-anybody-at-all"  # noqa: S105  # of a test


def settings(port: int, bounces: str, **more: Any) -> Email.Settings:
    values = {"host": "127.0.0.1", "port": port, "return_address": "bounces@example.org"}
    values |= {"return_secret": SECRET, "bounces": bounces, "bounces_every": "0.05s"}
    return Email.Settings(**values | more)


class Ear:
    """Whom a sender tells what it learns; deaf, it cannot be told anything."""

    def __init__(self) -> None:
        self.learned: list[Learned] = []
        self.deaf = False
        self.asked = 0

    async def tell(self, learned: Learned) -> None:
        self.asked += 1
        if self.deaf:
            raise Unavailable("the log")
        self.learned.append(learned)


@asynccontextmanager
async def hearing(email: Email) -> AsyncIterator[Ear]:
    """Let a sender hear until the block ends."""
    ear = Ear()
    task = asyncio.create_task(email.hear(ear.tell))
    try:
        yield ear
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # what is waited for happens in servers
            await asyncio.sleep(0.01)


async def return_address(smtp: Smtp, key: str = "m1:0123456789abcdef", **more: Any) -> str:
    """Return where a mail about this would come back to."""
    async with Email(settings(smtp.port, "", **more)) as email:
        await email.send(CONTENT, replace(ALICE, keys=(Key(key),)))
    return smtp.mails[-1].sender


def report(to: str, *headers: str, action: str = "failed", status: str = "5.1.1") -> bytes:
    """A report as RFC 3464 has it."""
    lines = [
        "From: MAILER-DAEMON@mx.gone.test",
        *([f"To: {to}"] if to else []),
        *headers,
        "Subject: Returned",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "",
        "I am sorry.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.gone.test",
        "",
        "Final-Recipient: rfc822; alice@gone.test",
        f"Action: {action}",
        f"Status: {status}",
        "Diagnostic-Code: smtp; 550 5.1.1 no such",
        " user \x1b[31mhere",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        "Message-ID: <m1.0123456789abcdef@localhost>",
        "",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def plain(to: str, *headers: str) -> bytes:
    return "\r\n".join([f"To: {to}", *headers, "Subject: away", "", "Until Monday.", ""]).encode()


# ---- LMTP


class Lmtp:
    """The mail server's end of a conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def answer(self) -> str:
        line = (await asyncio.wait_for(self._reader.readline(), PATIENCE)).decode()
        return await self.answer() if line[3:4] == "-" else line.strip()

    async def say(self, line: str) -> str:
        self._writer.write(line.encode() + b"\r\n")
        return await self.answer()

    async def deliver(self, mail: bytes, to: str) -> str:
        """Return the answer that ended it."""
        await self.say("RSET")
        for line in ("MAIL FROM:<>", f"RCPT TO:<{to}>", "DATA"):
            said = await self.say(line)
            if said[0] not in "23":
                return said
        lines = mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._writer.write(re.sub(rb"(?m)^\.", b"..", lines))
        return await self.say("\r\n.")


@asynccontextmanager
async def lmtp(port: int) -> AsyncIterator[Lmtp]:
    await eventually(lambda: answers(port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        talk = Lmtp(reader, writer)
        await talk.answer()
        assert (await talk.say("LHLO mx.example.org")).startswith("250")
        yield talk
    finally:
        writer.transport.abort()


@pytest.fixture
async def listening(smtp: Smtp) -> AsyncIterator[tuple[Ear, Lmtp, str]]:
    """An ear, a conversation with it, and an address that mails come back to."""
    port = free_port()
    email = Email(settings(smtp.port, f"lmtp://127.0.0.1:{port}"))
    async with hearing(email) as ear, lmtp(port) as talk:
        yield ear, talk, await return_address(smtp)


async def test_a_mail_that_came_back_is_told_once_it_is_safe(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    ear, talk, address = listening
    mail = report(address)
    ear.deaf = True
    assert (await talk.deliver(mail, address)).startswith("451 ")
    ear.deaf = False
    assert (await talk.deliver(mail, address)).startswith("250 ")

    (learned,) = ear.learned
    assert learned.destination == DestinationId("0123456789abcdef")
    assert learned.news is News.REFUSED
    assert learned.of == "m1.0123456789abcdef@localhost"
    assert learned.reason == "550 5.1.1 no such user [31mhere"
    assert learned.at.tzinfo is not None


async def test_an_address_that_we_did_not_make_is_refused(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    ear, talk, address = listening
    seal = address.partition("@")[0][-10:]
    forged = [
        "bounces@example.org",
        "postmaster@example.org",
        address.replace(seal, "0" * 10),
        address.replace(seal, seal[:9]),
        address.replace("0123456789abcdef", "fedcba9876543210"),
        address.replace("example.org", "example.com"),
    ]
    for other in forged:
        assert (await talk.deliver(report(address), other)).startswith("550 ")
    assert ear.learned == []


async def test_an_address_is_ours_in_capitals_too(listening: tuple[Ear, Lmtp, str]) -> None:
    ear, talk, address = listening
    local, _, domain = address.partition("@")
    assert (await talk.deliver(report(address), f"{local.upper()}@{domain.upper()}"))[:4] == "250 "
    (learned,) = ear.learned
    assert learned.destination == DestinationId("0123456789abcdef")


async def test_what_is_no_failure_for_good_is_taken_and_tells_nothing(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    ear, talk, address = listening
    mails = [
        report(address, action="delayed", status="4.4.1"),
        report(address, action="delivered", status="2.0.0"),
        plain(address, "Auto-Submitted: auto-replied"),
        plain(address, "Auto-Submitted: auto-replied (vacation)"),
    ]
    for mail in mails:
        assert (await talk.deliver(mail, address)).startswith("250 ")
    assert ear.learned == []


ABOUT_THE_ADDRESS = ["5.1.1", "5.1.10", "5.2.1", "5.4.4", "5.1.1 (bad destination mailbox)"]
ABOUT_ELSE = ["5.7.1", "5.7.26", "5.3.4", "5.2.2", "5.1.7", "5.1.8", "5.4.1", "4.4.7", "4.1.1"]


@pytest.mark.parametrize("status", ABOUT_THE_ADDRESS)
async def test_a_failure_that_is_about_the_address_counts(
    listening: tuple[Ear, Lmtp, str], status: str
) -> None:
    ear, talk, address = listening
    assert (await talk.deliver(report(address, status=status), address)).startswith("250 ")
    assert len(ear.learned) == 1


@pytest.mark.parametrize("status", ABOUT_ELSE)
async def test_a_failure_that_is_not_about_the_address_is_taken_and_tells_nothing(
    listening: tuple[Ear, Lmtp, str], status: str
) -> None:
    """RFC 3463: the provider blocks us, the mail is too big, its time is up, the box is full."""
    ear, talk, address = listening
    mail = report(address, status=status)
    for raw in (mail, mail.replace(b"message/delivery", b"message/global-delivery")):
        assert (await talk.deliver(raw, address)).startswith("250 ")
    assert ear.learned == []


@pytest.mark.parametrize(
    ("diagnostic", "counts"),
    [
        ("smtp; 550 no such user here", True),
        ("smtp; 550 5.1.1 <alice@gone.test>: unknown", True),
        ("smtp; 550-first line\n second line", True),
        ("smtp; 550 relay not permitted", False),
        ("smtp; 550 5.7.1 blocked", False),
        ("smtp; 452 mailbox full", False),
        ("retry timeout exceeded", False),
    ],
)
async def test_where_the_status_says_nothing_the_answer_does(
    listening: tuple[Ear, Lmtp, str], diagnostic: str, counts: bool
) -> None:
    """As Exim writes reports: 5.0.0 for every failure."""
    ear, talk, address = listening
    said = f"Diagnostic-Code: {diagnostic}".replace("\n", "\r\n").encode()
    mail = report(address, status="5.0.0").replace(
        b"Diagnostic-Code: smtp; 550 5.1.1 no such\r\n user \x1b[31mhere", said
    )
    assert said in mail
    assert (await talk.deliver(mail, address)).startswith("250 ")
    assert bool(ear.learned) == counts


async def test_a_failure_without_a_status_counts(listening: tuple[Ear, Lmtp, str]) -> None:
    ear, talk, address = listening
    mail = report(address).replace(b"Status: ", b"X-Other: ")
    for raw in (mail, mail.replace(b"message/delivery", b"message/global-delivery")):
        assert (await talk.deliver(raw, address)).startswith("250 ")
    assert len(ear.learned) == 2


TRIPS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n"
"""A mail on which a detector of flufl.bounce fails: it has no parts."""


async def test_a_mail_on_which_a_detector_trips_leaves_no_traceback(
    listening: tuple[Ear, Lmtp, str], caplog: pytest.LogCaptureFixture
) -> None:
    _, talk, address = listening
    assert (await talk.deliver(TRIPS, address)).startswith("554 ")
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_report_that_is_itself_an_answer_of_a_machine_counts(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    ear, talk, address = listening
    mail = report(address, "Auto-Submitted: auto-replied")  # as Postfix writes it

    assert (await talk.deliver(mail, address)).startswith("250 ")
    assert len(ear.learned) == 1


async def test_a_report_about_an_address_outside_ascii_counts(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    """RFC 6533: another type, and another form of the address."""
    ear, talk, address = listening
    raw = report(address).replace(b"message/delivery", b"message/global-delivery")
    raw = raw.replace(b"rfc822; alice@gone.test", "utf-8; jörg@gone.test".encode())

    assert (await talk.deliver(raw, address)).startswith("250 ")
    (learned,) = ear.learned
    assert learned.reason.startswith("550 5.1.1")


UNREADABLE = [
    b"",
    b"\x00\xff\xfe nonsense",
    b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n" * 50,
    b"Content-Type: message/delivery-status\r\n\r\n\xff",
    b"Content-Type: text/plain; charset=nonsense\r\n\r\nhello",
    b"From: bob@example.org\r\n\r\nStop writing to me!\r\n",
]


@pytest.mark.parametrize("mail", UNREADABLE)
async def test_what_is_no_report_is_refused_and_the_next_one_is_taken(
    listening: tuple[Ear, Lmtp, str], mail: bytes
) -> None:
    ear, talk, address = listening
    assert (await talk.deliver(mail, address)).startswith("554 ")
    assert (await talk.deliver(report(address), address)).startswith("250 ")
    assert len(ear.learned) == 1


async def test_a_mail_that_is_too_large_is_refused(listening: tuple[Ear, Lmtp, str]) -> None:
    ear, talk, address = listening
    mail = report(address) + (b"y" * 62 + b"\r\n") * (1024 * 1024 // 64)

    assert (await talk.deliver(mail, address)).startswith("552 ")
    assert ear.learned == []


async def test_each_mail_is_for_one_recipient(listening: tuple[Ear, Lmtp, str]) -> None:
    _, talk, address = listening
    await talk.say("MAIL FROM:<>")
    assert (await talk.say(f"RCPT TO:<{address}>")).startswith("250 ")
    assert (await talk.say(f"RCPT TO:<{address}>")).startswith("452 ")


async def test_a_report_without_the_mail_is_known_by_itself(
    listening: tuple[Ear, Lmtp, str],
) -> None:
    ear, talk, address = listening
    mail = report(address).replace(b"Message-ID", b"X-Other")
    for _ in range(2):
        await talk.deliver(mail, address)
    await talk.deliver(mail + b"\r\n", address)

    first, second, third = (learned.of for learned in ear.learned)
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert first == second != third


async def test_while_one_mail_waits_others_are_served(smtp: Smtp) -> None:
    port, waiting, go = free_port(), asyncio.Event(), asyncio.Event()

    async def tell(learned: Learned) -> None:
        waiting.set()
        await go.wait()

    email = Email(settings(smtp.port, f"lmtp://127.0.0.1:{port}"))
    task = asyncio.create_task(email.hear(tell))
    address = await return_address(smtp)
    try:
        async with lmtp(port) as first, lmtp(port) as second:
            slow = asyncio.create_task(first.deliver(report(address), address))
            await waiting.wait()
            assert (await second.say("NOOP")).startswith("250")
            assert not slow.done()
            go.set()
            assert (await slow).startswith("250")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_port_that_is_taken_is_waited_for(smtp: Smtp) -> None:
    port = free_port()
    other = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with hearing(Email(settings(smtp.port, f"lmtp://127.0.0.1:{port}"))) as ear:
        other.close()
        await other.wait_closed()
        address = await return_address(smtp)

        async def taken() -> bool:
            async with lmtp(port) as talk:
                return (await talk.deliver(report(address), address)).startswith("250")

        assert await taken()
    assert len(ear.learned) == 1


async def test_when_it_stops_nobody_is_left_waiting(smtp: Smtp) -> None:
    port = free_port()
    async with hearing(Email(settings(smtp.port, f"lmtp://127.0.0.1:{port}"))):
        await eventually(lambda: answers(port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), PATIENCE)
    writer.transport.abort()
    assert not answers(port)


# ---- maildir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "mail" / part).mkdir(parents=True)
    return tmp_path / "mail"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "To"])
async def test_a_mail_in_a_maildir_is_told_and_removed(
    smtp: Smtp, folder: Path, header: str
) -> None:
    address = await return_address(smtp)
    mail = report("", f"{header}: <{address}>")
    async with hearing(Email(settings(smtp.port, f"maildir:{folder}"))) as ear:
        (folder / "new" / "1").write_bytes(mail)
        await eventually(lambda: not names(folder / "new"))

    (learned,) = ear.learned
    assert learned.destination == DestinationId("0123456789abcdef")
    assert names(folder / "cur") == []


async def test_what_nobody_can_read_or_is_not_ours_is_put_aside(smtp: Smtp, folder: Path) -> None:
    address = await return_address(smtp)
    forged = address.replace("0123456789abcdef", "fedcba9876543210")
    mails = {
        "1.nonsense": b"\x00\xff",
        "2.forged": report(forged),
        "3.people": plain(address),
        "4.huge": b"x" * (1024 * 1024 + 1),
        "5.ours:2,": report(address),
    }
    for name, mail in mails.items():
        (folder / "new" / name).write_bytes(mail)
    (folder / "new" / "0.folder").mkdir()
    os.mkfifo(folder / "new" / "0.pipe")
    (folder / "new" / "0.link").symlink_to("/etc/hostname")
    async with hearing(Email(settings(smtp.port, f"maildir:{folder}"))) as ear:
        await eventually(lambda: not names(folder / "new"))

    assert len(ear.learned) == 1
    aside = ["0.folder", "0.link", "0.pipe", "1.nonsense", "2.forged", "3.people", "4.huge"]
    assert names(folder / "cur") == [f"{name}:2,S" for name in aside]
    assert (folder / "cur" / "2.forged:2,S").read_bytes() == mails["2.forged"]


async def test_what_tells_nothing_is_removed(smtp: Smtp, folder: Path) -> None:
    address = await return_address(smtp)
    (folder / "new" / "1").write_bytes(report(address, action="delayed"))
    (folder / "new" / "2").write_bytes(plain(address, "Auto-Submitted: auto-replied"))
    async with hearing(Email(settings(smtp.port, f"maildir:{folder}"))) as ear:
        await eventually(lambda: not names(folder / "new"))

    assert ear.learned == []
    assert names(folder / "cur") == []


async def test_what_cannot_be_told_stays(smtp: Smtp, folder: Path) -> None:
    address = await return_address(smtp)
    for name in "123":
        (folder / "new" / name).write_bytes(report(address))
    async with hearing(Email(settings(smtp.port, f"maildir:{folder}"))) as ear:
        ear.deaf = True
        await eventually(lambda: ear.asked >= 2)
        assert names(folder / "new") == ["1", "2", "3"]
        ear.deaf = False
        await eventually(lambda: not names(folder / "new"))

    assert len(ear.learned) == 3


async def test_a_maildir_that_comes_later_is_found(smtp: Smtp, tmp_path: Path) -> None:
    folder, address = tmp_path / "later", await return_address(smtp)
    async with hearing(Email(settings(smtp.port, f"maildir:{folder}"))) as ear:
        for part in ("cur", "new"):
            (folder / part).mkdir(parents=True)
        (folder / "new" / "1").write_bytes(report(address))
        await eventually(lambda: ear.learned)


# ---- the return path


async def test_each_destination_has_a_return_address_of_its_own(smtp: Smtp) -> None:
    first = await return_address(smtp, "m1:d1")
    assert re.fullmatch(r"bounces\+d1-[0-9a-f]{10}@example\.org", first)
    assert first == await return_address(smtp, "m2:d1")
    assert first != await return_address(smtp, "m1:d2")
    assert first != await return_address(smtp, "m1:d1", return_secret=SECRET[1:])


@pytest.mark.parametrize("destination", ["d" * 60, "D1", "d 1", "d+1", "d@1", "é", ""])
async def test_a_destination_that_does_not_fit_has_the_plain_return_address(
    smtp: Smtp, destination: str
) -> None:
    assert await return_address(smtp, f"m1:{destination}") == "bounces@example.org"


async def test_without_a_return_address_mails_come_back_to_whom_they_are_from(smtp: Smtp) -> None:
    assert await return_address(smtp, return_address="", return_secret="") == "fmn@localhost"


async def test_where_nothing_comes_back_nobody_listens(smtp: Smtp) -> None:
    await asyncio.wait_for(Email(settings(smtp.port, "")).hear(Ear().tell), PATIENCE)


# ---- Postfix


async def send(postfix: Postfix, where: str) -> None:
    postfix.gone.recipients["alice@gone.test"] = "550 5.1.1 nobody of this name"
    async with Email(settings(postfix.port, where)) as email:
        await email.send(CONTENT, replace(ALICE, address="bob@gone.test"))
        await email.send(CONTENT, ALICE)


@pytest.mark.real
async def test_what_postfix_returns_over_lmtp_is_told_of_the_right_destination(
    postfix: Postfix,
) -> None:
    port = free_port()
    where = f"lmtp://127.0.0.1:{port}"
    postfix.start(f"lmtp:inet:127.0.0.1:{port}")
    async with hearing(Email(settings(postfix.port, where))) as ear:
        await send(postfix, where)
        await eventually(lambda: ear.learned)

    assert_alice_is_gone(ear)


@pytest.mark.real
async def test_what_postfix_returns_into_a_maildir_is_told_of_the_right_destination(
    postfix: Postfix,
) -> None:
    postfix.start("virtual:")
    where = f"maildir:{postfix.maildir}"
    async with hearing(Email(settings(postfix.port, where))) as ear:
        await send(postfix, where)
        await eventually(lambda: ear.learned)
        await eventually(lambda: not names(postfix.maildir / "new"))

    assert_alice_is_gone(ear)
    assert names(postfix.maildir / "cur") == []


def assert_alice_is_gone(ear: Ear) -> None:
    (learned,) = ear.learned
    assert learned.destination == DestinationId("0123456789abcdef")
    assert learned.news is News.REFUSED
    assert learned.of == "m1.0123456789abcdef@localhost"
    assert "550 5.1.1 nobody of this name" in learned.reason
