"""The processes that Apprise runs in: what they may cost, and what they must not know."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from fmn.emission import Content, Recipient
from fmn.errors import InDoubt, TransientFailure
from fmn.model import Key
from fmn.senders.chat import Chat
from fmn.senders.chat.asked import Request, Start
from fmn.senders.chat.services import SERVICES
from fmn.senders.chat.speakers import Speaker
from tests.peers import wait_until
from tests.peers.chat import Chats, chat_server, process, speaking

pytestmark = pytest.mark.real

LOOPBACK = ("127.0.0.1/32",)
TOKEN = "aB3dE5gH7jK9"  # noqa: S105  # nobody's
CONTENT = Content("chat", "kernel failed", "kernel failed to build")


def chat(**more: Any) -> Chat:
    networks = tuple(map(ip_network, LOOPBACK))
    return Chat(Chat.Settings(private_networks=networks, **{"timeout": "20s", **more}))


def mattermost(peer: Chats) -> Recipient:
    address = f"mattermost:127.0.0.1:{peer.port}/{TOKEN}"
    return Recipient(keys=(Key("m1:d1"),), address=address, rules={})


def resident(pid: int) -> int:
    """Return KiB of memory."""
    (line,) = [one for one in process(pid, "status").splitlines() if one.startswith(b"VmRSS")]
    return int(line.split()[1])


async def test_secrets_are_nowhere_where_others_look(
    chats: Chats, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMN_SENDERS__EMAIL__PASSWORD", "hush-hush")
    chats.refuse(500)
    async with chat() as sender:
        with pytest.raises(TransientFailure) as raised:
            await sender.send(CONTENT, mattermost(chats))
        (pid,) = speaking()
        seen = process(pid, "cmdline") + process(pid, "environ")
        listed = await asyncio.to_thread(subprocess.check_output, ["ps", "axeww", "-o", "pid,args"])

    assert b"chat.speaking" in listed
    assert b"PATH=" in seen
    assert b"hush-hush" not in seen
    assert TOKEN.encode() not in seen + listed
    assert TOKEN not in "".join([*capfd.readouterr(), str(raised.value), repr(raised.value)])
    assert TOKEN not in repr(Request(url=TOKEN, secrets=(TOKEN,), subject="", text="", escape=True))


async def test_a_process_that_is_killed_costs_one_attempt(chats: Chats) -> None:
    chats.answer = None
    async with chat(processes=1) as sender, chat_server() as other:
        sending = asyncio.create_task(sender.send(CONTENT, mattermost(chats)))
        await chats.asked.wait()
        (first,) = speaking()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(TransientFailure, match=r"Mattermost at .*: the process .* ended"):
            await sending
        await sender.send(CONTENT, mattermost(other))
        assert speaking() != [first]

    assert len(other.told) == 1


async def test_after_a_send_that_was_given_up_the_next_has_its_own_answer(chats: Chats) -> None:
    chats.answer = None
    async with chat(processes=1) as sender, chat_server() as other:
        sending = asyncio.create_task(sender.send(CONTENT, mattermost(chats)))
        await chats.asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await sender.send(CONTENT, mattermost(other))

    assert len(other.told) == 1


async def test_there_are_as_many_processes_as_are_needed_and_none_is_left(chats: Chats) -> None:
    async with chat(processes=2) as sender:
        await sender.send(CONTENT, mattermost(chats))
        assert len(speaking()) == 1
        await asyncio.gather(*(sender.send(CONTENT, mattermost(chats)) for _ in range(20)))
        assert len(speaking()) == 2

    assert speaking() == []
    assert len(chats.told) == 21


def speaker(*code: str, **how: Any) -> Speaker:
    if code:
        how["command"] = (sys.executable, "-c", "; ".join(code))
    return Speaker(Start(5, LOOPBACK), how.pop("patience", 20), **how)


def request(port: int) -> Request:
    url = SERVICES["gotify"].url(
        {"host": f"127.0.0.1:{port}", "token": TOKEN}, [ip_network("127.0.0.0/8")]
    )
    return Request(url=url, secrets=(TOKEN,), subject="subject", text="text", escape=False)


async def test_a_process_is_replaced_after_so_many_requests(chats: Chats) -> None:
    made, seen = speaker(lasts=3), []
    for _ in range(7):
        assert (await made.ask(request(chats.port))).sent
        seen += speaking()
    await made.close()

    assert [seen.count(pid) for pid in dict.fromkeys(seen)] == [3, 3, 1]


async def test_many_requests_do_not_make_a_process_grow(chats: Chats) -> None:
    made = speaker(lasts=1000)
    for _ in range(50):
        await made.ask(request(chats.port))
    (pid,) = speaking()
    before = resident(pid)
    for _ in range(400):
        await made.ask(request(chats.port))
    after = resident(pid)
    await made.close()

    assert after < before + 4 * 1024  # KiB


READY = "import sys, json"
HELLO = 'sys.stdin.readline(); print(json.dumps({"number": 0, "sent": True}), flush=True)'


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ("print('nonsense', flush=True); sys.stdin.read()", "talked nonsense"),
        ("print('{}', flush=True); sys.stdin.read()", "talked nonsense"),
        ("print('x' * 1_000_000, flush=True); sys.stdin.read()", "said too much"),
        ("print(json.dumps({'number': 9, 'sent': True}), flush=True)", "something else"),
        ("sys.exit(1)", "ended"),
        ("sys.stdin.close()", "ended"),
    ],
)
async def test_a_process_that_talks_nonsense_costs_one_attempt(after: str, words: str) -> None:
    made = speaker(READY, HELLO, "sys.stdin.readline()", after)
    for _ in range(2):
        with pytest.raises(TransientFailure, match=words) as raised:
            await made.ask(request(1))
        assert type(raised.value) is InDoubt  # It may have said it before.
        assert raised.value.retry_after is None
    await made.close()


async def test_a_process_that_stalls_is_killed_in_time() -> None:
    stalling = "sys.stdin.read()"
    made = speaker(READY, HELLO, stalling, patience=0.3)
    with pytest.raises(TimeoutError):
        await made.ask(request(1))
    assert speaking(script=stalling)
    await made.close()

    assert speaking(script=stalling) == []


async def test_what_else_was_started_is_not_counted() -> None:
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=PIPE)
    try:
        assert speaking() == []
        assert speaking(script="input()") == [other.pid]
    finally:
        await other.communicate(b"\n")


async def test_what_apprise_does_not_take_it_never_takes() -> None:
    made = speaker()
    reply = await made.ask(replace(request(1), url="nosuch://service"))
    await made.close()

    assert (reply.sent, reply.never) == (False, True)
    assert "does not take it" in reply.words


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('no')", "print('x' * 1_000_000)"])
async def test_a_process_that_cannot_start_is_not_started_again_at_once(code: str) -> None:
    made = speaker(code)
    with pytest.raises(TransientFailure, match="could be started: it"):
        await made.ask(request(1))
    with pytest.raises(TransientFailure, match="could be started") as raised:
        await made.ask(request(1))
    assert type(raised.value) is TransientFailure
    await made.close()

    assert raised.value.retry_after is not None
    assert timedelta(0) < raised.value.retry_after <= timedelta(seconds=1)


PARENT = """
import asyncio, sys
from fmn.senders.chat.asked import Request, Start
from fmn.senders.chat.speakers import Speaker

async def main():
    speaker = Speaker(Start(1, ("127.0.0.1/32",)), 60)
    await speaker.ask(Request(sys.argv[1], (), "subject", "text", False))
    print("asked", flush=True)
    await asyncio.sleep(60) if len(sys.argv) == 2 else None
    await speaker.ask(Request(sys.argv[2], (), "subject", "text", False))

asyncio.run(main())
"""


@pytest.mark.parametrize("busy", [False, True])
async def test_no_process_outlives_ours(chats: Chats, *, busy: bool) -> None:
    async with chat_server() as stalling:
        stalling.answer = None
        urls = [request(peer.port).url for peer in ([chats, stalling] if busy else [chats])]
        ours = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PARENT, *urls, stdout=asyncio.subprocess.PIPE
        )
        assert ours.stdout is not None
        assert await ours.stdout.readline() == b"asked\n"
        if busy:
            await stalling.asked.wait()
        (pid,) = speaking(ours.pid)
        ours.kill()
        await ours.communicate()
        await asyncio.to_thread(wait_until, lambda: not process(pid, "cmdline"), "its end")
