"""SMTP and IRC peers that answer garbage: no crash, no hang, no growth, each with a reason.

FMN_TEST_INPUTS says how many sends there are at each door (100000 in the long form), and
FMN_TEST_SEED from which seed. What a peer got and said tells what a send may end in.
"""

import asyncio
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog

from fmn.emission import Content, Recipient
from fmn.errors import InDoubt, PermanentFailure, TransientFailure
from fmn.kinds import Sender
from fmn.model import Key
from fmn.senders.email import Email
from fmn.senders.irc import Irc
from tests.peers.garbage import Garbage, serving
from tests.senders.conftest import Certificate

INPUTS = int(os.environ.get("FMN_TEST_INPUTS", "300"))
SEED = os.environ.get("FMN_TEST_SEED", "5")
AT_ONCE = min(60, max(12, INPUTS // 500))
"""Peers at a time, each with a sender of its own that asks it one thing after the other."""
PATIENCE = f"{0.03 * AT_ONCE:g}s"
"""They share a processor, so each has to wait for all: a stall costs each 30 ms."""
TELL = 1000
"""Sends."""
HANG = 60.0
"""Seconds. So long nothing may take, however slow the machine is."""
GROWTH = 48 * 1024 * 1024
"""Bytes of memory between a third of the way and its end: far less than a leak of 500 bytes each
takes in the long form."""
KEYS = (Key("m1:d1"),)


@dataclass
class Taken:
    """What a peer got of one notification, and said to that."""

    said: bytearray = field(default_factory=bytearray)
    """From the moment on in which the content may come."""
    whole: bool = False
    """All of it came."""


@dataclass
class Door:
    """Sends that ended, by how."""

    ended: Counter[str] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        sizes = " and ".join(f"{size / 1e6:.0f} MB" for size in self.memory)
        return f"{dict(self.ended)}, {self.wrong.total()} wrong answers, {sizes}"


class Peer(Protocol):
    """A peer that one sender at a time speaks to."""

    garbage: Garbage

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    def check(self, address: str, failed: BaseException | None) -> None:
        """Raise AssertionError where this is no end for what was got and said."""


def codes(first: str) -> list[bytes]:
    return [b"%s%d%d " % (c.encode(), n % 6, n % 10) for c in first for n in range(0, 60, 7)]


SMTP_CODES = [
    *codes("0123456789"),
    b"421 ",
    b"250-",
    b"354 ",
    b"550 ",
    b"25",
    b"+25 ",
    b"2_5 ",
    b"-1 ",
]


class SmtpPeer:
    """A mail server, for the plain dialogue, with a login or with STARTTLS."""

    def __init__(self, seed: str, mode: str) -> None:
        self.garbage = Garbage(seed, SMTP_CODES, 0.12, ("STARTTLS", "meanwhile", "AUTH"))
        self.taken: dict[str, Taken] = {}
        self._mode = mode

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step, proper, mail, answer = "greeting", b"220 hello\r\n", Taken(), self.garbage.answer
        while True:
            self.garbage.said = mail.said if step == "DATA" else bytearray()
            await answer(step, proper, reader, writer)
            if mail.said.startswith(b"3"):
                if self.garbage.often(0.5):
                    await reader.readline()  # What is said now is heard by itself.
                await answer("meanwhile", b"", reader, writer)
                await reader.readuntil(b"\r\n.\r\n")
                mail.whole = True
                await answer("content", b"250 OK\r\n", reader, writer)
                mail = Taken()
            line = await reader.readline()
            if not line:
                return
            step, proper = self._proper(line)
            if step == "RCPT":
                mail = self.taken.setdefault(line.split(b"<")[1].split(b">")[0].decode(), Taken())

    def _proper(self, line: bytes) -> tuple[str, bytes]:  # noqa: PLR0911  # it is a list of cases
        match line.upper().split():
            case [b"EHLO", *_]:
                offers = {"login": b"250-AUTH PLAIN LOGIN CRAM-MD5\r\n", "tls": b"250-STARTTLS\r\n"}
                return "EHLO", b"250-here\r\n" + offers.get(
                    self._mode, b""
                ) + b"250 SIZE 1000000\r\n"
            case [b"AUTH", b"CRAM-MD5" | b"LOGIN", *_]:
                return "AUTH", b"334 PDFAaGVyZT4=\r\n"
            case [b"AUTH", *_]:
                return "AUTH", b"235 yes\r\n"
            case [b"DATA"]:
                return "DATA", b"354 go on\r\n"
            case [b"STARTTLS"]:
                return "STARTTLS", b"220 go on\r\n"
            case [b"MAIL" | b"RCPT" | b"RSET" | b"HELO" | b"QUIT" as verb, *_]:
                return verb.decode(), b"250 OK\r\n"
        return "challenge", b"235 yes\r\n"  # answered, or TLS that begins

    def check(self, address: str, failed: BaseException | None) -> None:
        mail = self.taken.pop(address, Taken())
        begun, answer = mail.said[:1] == b"3", bytes(mail.said).partition(b"\n")[2]
        if failed is None:
            assert begun
            assert answer[:1] == b"2"
        elif isinstance(failed, InDoubt):
            assert begun
        elif mail.whole:  # It may be there: only a refusal says that it is not.
            assert answer[:1] in (b"4", b"5")


IRC_CODES = [
    *(b":s %03d fmn " % n for n in (1, 5, 10, 301, 303, 311, 330, 353, 366, 396, 401, 404, 433)),
    *(b":s %03d fmn " % n for n in (437, 464, 465, 471, 700, 716, 730, 731, 734, 900, 903, 904)),
    *(b":s 005 fmn MONITOR=", b":s 005 fmn PREFIX=", b":s 005 fmn CASEMAPPING=", b"005"),
    *(b":s 005 fmn MONITOR=" + b"9" * 5000 + b" :x\r\n", b":s 005 fmn PREFIX= CASEMAPPING :x\r\n"),
    *(b"PING ", b"PING :", b"PONG ", b"ERROR :", b":fmn!u@h NICK ", b":fmn!u@h JOIN "),
    *(b":fmn!u@h PART ", b":s KICK #fmn fmn ", b"AUTHENTICATE ", b":s CAP * LS * :sasl="),
    *(b":s CAP * ACK ", b":s CAP * NAK ", b":NickServ!s@s NOTICE fmn :", b":", b" ", b"@a=b :s "),
]


class IrcPeer:
    """A network, with SASL or only with NickServ where we have an account."""

    def __init__(self, seed: str, mode: str) -> None:
        self.garbage = Garbage(seed, IRC_CODES, 0.08, ("PRIVMSG", "AUTHENTICATE"))
        self.taken = Taken()
        self._mode = mode

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = line.decode("latin-1").split()
            step = words[0]
            if step == "PRIVMSG" and words[2].startswith(":said"):
                self.taken.whole = self.taken.whole or line.rstrip().endswith(b"end")
                self.garbage.said = self.taken.said
            proper = self._proper(words)
            if step == "QUIT":
                return
            await self.garbage.answer(step, proper, reader, writer)

    def _proper(self, words: list[str]) -> bytes:  # noqa: C901, PLR0912  # it is a list of cases
        match words:
            case ["CAP", "LS", *_]:
                said = "CAP * LS :sasl=PLAIN" if self._mode == "sasl" else "CAP * LS :multi-prefix"
            case ["CAP", "REQ", *_]:
                said = "CAP * ACK :sasl"
            case ["AUTHENTICATE", "PLAIN"]:
                return b"AUTHENTICATE +\r\n"
            case ["AUTHENTICATE", *_]:
                said = "903 fmn :welcome"
            case ["USER", *_] if self._mode in {"sasl", "nickserv"}:
                return b""  # It waits for the end of CAP.
            case ["USER" | "CAP", *_]:
                said = "001 fmn :hello\r\n:s 005 fmn PREFIX=(ov)@+ CASEMAPPING=ascii :can"
            case ["PING", token]:
                said = f"PONG s {token}"
            case ["WHOIS", nick]:
                said = f"311 fmn {nick} user host * :name\r\n:s 330 fmn {nick} fmn :account"
            case ["PRIVMSG", "NickServ", *_]:
                return b":NickServ!s@s NOTICE fmn :you are now known\r\n"
            case ["ISON", nick]:
                said = f"303 fmn :{nick}"
            case ["MONITOR", "+", nick]:
                said = f"730 fmn :{nick}!u@h"
            case ["JOIN", room]:
                return f":fmn!u@h JOIN {room}\r\n:s 353 fmn = {room} :@op fmn\r\n".encode()
            case ["NAMES", room]:
                said = f"353 fmn = {room} :@op fmn\r\n:s 366 fmn {room} :end"
            case _:
                return b""
        return f":s {said}\r\n".encode()

    def check(self, _: str, failed: BaseException | None) -> None:
        taken, self.taken = self.taken, Taken()
        if failed is None:
            assert b"PONG" in taken.said.upper()
        elif taken.whole and not taken.said:  # Nobody has said anything that might refuse it.
            assert isinstance(failed, InDoubt)


def smtp(
    seed: str, mode: str, ca_file: str
) -> tuple[Peer, Callable[[int], Sender], Callable[[int], Any]]:
    settings: dict[str, Any] = {"host": "127.0.0.1", "connections": 1, "timeout": PATIENCE}
    settings |= {"login": {"username": "fmn", "password": "hunter2"}}.get(mode, {})
    # To read all certificates that are known, as each new connection does, takes a while.
    tls = {"tls": "starttls", "ca_file": ca_file, "timeout": "2s"}
    settings |= {"tls": tls}.get(mode, {})
    content = Content(kind="email", subject="A build failed", text="It failed.\n")

    def sending(n: int) -> tuple[Content, Recipient]:
        return content, Recipient(KEYS, f"alice{n}@example.org", {})

    return SmtpPeer(seed, mode), lambda port: Email(Email.Settings(port=port, **settings)), sending


def irc(seed: str, mode: str, _: str) -> tuple[Peer, Callable[[int], Sender], Callable[[int], Any]]:
    settings: dict[str, Any] = {"host": "127.0.0.1", "burst": 10**6, "pace": "0.001s"}
    settings |= {"timeout": PATIENCE, "reconnect_first": "1s", "look_again": "0.001s"}
    if mode in {"sasl", "nickserv"}:
        settings |= {"account_password": "hunter2"}
    content = Content(kind="irc", subject="build", text="said one\nsaid end")
    code = replace(content, headers={"code": "K7QX-3MZA", "user": "alice"})

    def sending(n: int) -> tuple[Content, Recipient]:
        address = ("alice", "#fmn", "alice", "#more")[n % 4]
        return code if n % 5 == 0 else content, Recipient(KEYS, address, {})

    return IrcPeer(seed, mode), lambda port: Irc(Irc.Settings(port=port, **settings)), sending


async def work(door: Door, turns: list[int], made: Any, *, anew: bool) -> None:
    """Take one turn after the other, at a peer of one's own; anew: with a new sender for each."""
    peer, make, sending = made
    async with await serving(peer.serve) as server:
        port = server.sockets[0].getsockname()[1]
        while turns:
            async with asyncio.timeout(HANG) as hang, make(port) as sender:
                for _ in range(1 if anew else 50):
                    if turns:
                        hang.reschedule(asyncio.get_running_loop().time() + HANG)
                        await one(door, peer, sender, sending(turns.pop()))
    door.wrong += peer.garbage.seen


async def one(door: Door, peer: Peer, sender: Sender, said: tuple[Content, Recipient]) -> None:
    failed: BaseException | None = None
    try:
        await sender.send(*said)
    except (TransientFailure, PermanentFailure) as failure:
        failed = failure
        reason = str(failure.args[0])
        assert reason.isprintable(), reason
        assert 0 < len(reason) < 1000, reason
        assert "hunter2" not in reason
    try:
        peer.check(said[1].address, failed)
    except AssertionError:
        pytest.fail(f"{failed!r} after {peer.garbage.trail[-3:]}")
    door.ended[type(failed).__name__ if failed else "sent"] += 1


async def watch(door: Door, turns: list[int]) -> None:
    """Note the memory of this process when a third is done; say in a long form how far it is."""
    told = 0
    while turns:
        await asyncio.sleep(0.05)
        done = INPUTS - len(turns)
        if not door.memory and done >= INPUTS // 3:
            door.memory.append(resident())
        if done // TELL > told:
            told = done // TELL
            told_to = sys.__stderr__ or sys.stderr  # whoever waits for a long form
            told_to.write(f"{done}: {door}\n")


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> tuple[int, int]:
    """Return how many files are open and tasks under way."""
    return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    before = held()
    yield
    async with asyncio.timeout(HANG):
        while held() > before:  # noqa: ASYNC110  # what is closed is closed a moment later
            await asyncio.sleep(0.01)


DOORS = {
    "smtp": (smtp, ["plain", "plain", "login", "tls"], False),
    "irc": (irc, ["plain", "plain", "sasl", "nickserv"], True),
}
STEPS = {
    "smtp": {
        *("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "meanwhile", "content"),
    },
    "irc": {"CAP", "AUTHENTICATE", "USER", "WHOIS", "PING", "ISON", "JOIN", "PRIVMSG"},
}


@pytest.mark.parametrize("name", DOORS)
async def test_garbage_ends_each_send_in_time_and_with_a_reason(
    name: str, certificate: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    make, modes, anew = DOORS[name]
    door, turns, began = Door(), list(range(INPUTS)), time.monotonic()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        async with nothing_left(), asyncio.TaskGroup() as group:
            group.create_task(watch(door, turns))
            for n in range(AT_ONCE):
                made = make(f"{SEED}-{n}", modes[n % len(modes)], str(certificate.path))
                group.create_task(work(door, turns, made, anew=anew))
    finally:
        structlog.reset_defaults()
    door.memory.append(resident())
    lasted = time.monotonic() - began
    with capsys.disabled():
        sys.stderr.write(f"\n{name}: {door} in {lasted:.0f} s, {INPUTS / lasted:.0f} a second\n")

    assert sum(door.ended.values()) == INPUTS
    assert {step for step, _ in door.wrong} >= STEPS[name]
    assert door.memory[-1] - door.memory[0] < GROWTH
    assert door.ended["sent"]
    assert door.ended["InDoubt"]
    assert door.ended["PeerAway"]
