import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fmn.emission import FOOTER, Content, Recipient
from fmn.errors import Absent, PermanentFailure, TransientFailure
from fmn.model import Key, RuleId
from fmn.senders.irc import Irc
from tests.peers import PATIENCE, free_port
from tests.peers.ngircd import Ngircd, person
from tests.senders.conftest import Certificate

CONTENT = Content(kind="irc", subject="build", text="kernel-6.1 failed to build https://x.org/1")
ALICE = Recipient(keys=(Key("m1:d1"),), address="alice", rules={RuleId("r1"): "My packages"})
SECRET = "a word between us"  # noqa: S105  # of the test's server
FAST = {"burst": 1000, "pace": "0.001s", "timeout": "10s", "reconnect_first": "0.05s"}


def settings(port: int, **more: Any) -> Irc.Settings:
    return Irc.Settings(**{"host": "127.0.0.1", "port": port, **FAST, **more})


def saying(*lines: str) -> Content:
    return replace(CONTENT, text="\n".join(lines))


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110  # nobody tells when
            await asyncio.sleep(0.01)


async def test_a_nick_is_told_in_private(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await irc.send(CONTENT, ALICE)

        line = (await alice.until("PRIVMSG"))[-1]
    assert line.startswith(":fmn!")
    assert line.endswith(" PRIVMSG alice :kernel-6.1 failed to build https://x.org/1")


async def test_a_channel_is_joined_once_and_told(ngircd: Ngircd) -> None:
    room = replace(ALICE, address="#fedora-devel")
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await alice.write("JOIN #fedora-devel")
        await alice.until(" 366 ")
        await irc.send(saying("one"), room)
        await irc.send(saying("two"), room)

        lines = [*(await alice.until("PRIVMSG")), *(await alice.until("PRIVMSG"))]
    assert [line.split(" ", 1)[1] for line in lines] == [
        "JOIN :#fedora-devel",
        "PRIVMSG #fedora-devel :one",
        "PRIVMSG #fedora-devel :two",
    ]


async def test_who_is_kicked_out_of_a_channel_joins_again(ngircd: Ngircd) -> None:
    room = replace(ALICE, address="#fmn")
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await alice.write("JOIN #fmn")
        await alice.until(" 366 ")
        await irc.send(saying("one"), room)
        await alice.write("KICK #fmn fmn :enough")
        await alice.until(" KICK ")
        await irc.send(saying("so be it"), ALICE)  # behind its answer stands nothing older
        await alice.until("so be it")
        await irc.send(saying("two"), room)

        joined, said = await alice.until("PRIVMSG")
    assert joined.endswith(" JOIN :#fmn")
    assert said.endswith(" :two")


async def test_each_line_of_a_text_is_a_line_and_empty_ones_are_none(ngircd: Ngircd) -> None:
    content = replace(CONTENT, text=f"one\n\n  \n:two\r\n{FOOTER}\n")
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await irc.send(content, replace(ALICE, footer="because"))

        assert [await alice.told() for _ in range(3)] == ["one", ":two", "because"]


LONG = [
    "word " * 400,
    "wörd ✓ 日本語 🎉 " * 90,
    "🎉" * 700,
    "x" * 1500,
    ("y" * 468 + " ") * 3 + "z",
]


@pytest.mark.parametrize("address", ["alice", "#fmn"])
@pytest.mark.parametrize("text", LONG)
async def test_a_long_line_arrives_in_pieces_without_losing_a_character(
    ngircd: Ngircd, text: str, address: str
) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await alice.write("JOIN #fmn")
        await irc.send(saying(text, "the end"), replace(ALICE, address=address))

        lines = await alice.until("PRIVMSG " + address + " :the end")
    seen = [line for line in lines if " PRIVMSG " in line][:-1]
    assert text.replace(" ", "") == "".join(line.split(" :", 1)[1] for line in seen).replace(
        " ", ""
    )
    assert all(len(line.encode()) + 2 <= 512 for line in seen)
    assert len(seen) > 1


async def test_pieces_are_as_long_as_the_receiver_may_see(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await irc.send(saying("x" * 1000), ALICE)

        assert len((await alice.until("PRIVMSG"))[-1].encode()) + 2 == 512


async def test_more_lines_than_may_be_are_cut_and_that_is_said(ngircd: Ngircd) -> None:
    three = settings(ngircd.port, lines=3)
    async with person(ngircd.port, "alice") as alice, Irc(three) as irc:
        await irc.send(saying(*"abcd"), ALICE)
        await irc.send(saying(*"efg"), ALICE)

        heard = [await alice.told() for _ in range(6)]
    assert heard == ["a", "b", "… (cut here: longer than 3 lines)", "e", "f", "g"]


INJECTIONS = [
    "one\r\nPRIVMSG bob :two",
    "one\nQUIT",
    "one\rQUIT",
    "one\x00QUIT",
    "\x01VERSION\x01",
    "one\u2028QUIT",
    "one\x85QUIT",
    "half a character: \ud800",
]


@pytest.mark.parametrize("evil", INJECTIONS)
async def test_no_text_becomes_a_command(ngircd: Ngircd, evil: str) -> None:
    async with (
        person(ngircd.port, "alice") as alice,
        person(ngircd.port, "bob") as bob,
        Irc(settings(ngircd.port)) as irc,
    ):
        await irc.send(replace(CONTENT, text=evil), ALICE)
        await irc.send(saying("the end"), ALICE)
        await irc.send(saying("the end"), replace(ALICE, address="bob"))

        heard = await alice.until("the end")
        assert await bob.told() == "the end"
    assert all(" PRIVMSG alice :" in line for line in heard if line.startswith(":fmn!"))
    assert set("".join(heard)).isdisjoint("\x00\x01\r\n")


BAD_ADDRESSES = [
    "",
    " ",
    "alice bob",
    "alice,bob",
    "#fmn,#other",
    ":alice",
    "alice\r\nQUIT",
    "alice\n",
    "alice\x00",
    "#",
    "#fm n",
    "#fmn\x07",
    "$*.fmn.test",
    "alice!a@example.org",
    "alice@irc.fmn.test",
    "*",
    "a" * 101,
    "alice\ud800",
    "#a\u2028b",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
async def test_an_address_that_is_none_fails_for_good_and_is_named(address: str) -> None:
    async with Irc(settings(free_port())) as irc:
        with pytest.raises(PermanentFailure) as failure:
            await irc.send(CONTENT, replace(ALICE, address=address))

    assert repr(address) in str(failure.value)
    assert str(failure.value).isprintable()


async def test_nothing_to_say_fails_for_good(ngircd: Ngircd) -> None:
    async with Irc(settings(ngircd.port)) as irc:
        with pytest.raises(PermanentFailure, match="empty"):
            await irc.send(saying(" ", ""), ALICE)


async def test_a_nick_nobody_has_is_waited_for(ngircd: Ngircd) -> None:
    waiting = settings(ngircd.port, wait="3h", look_again="20s")
    async with person(ngircd.port, "bob") as bob, Irc(waiting) as irc:
        with pytest.raises(Absent, match="'alice': nobody has this nick") as absent:
            await irc.send(CONTENT, ALICE)
        assert (absent.value.retry_after, absent.value.longest) == (
            timedelta(seconds=20),
            timedelta(hours=3),
        )
        await irc.send(saying("still here"), replace(ALICE, address="bob"))

        assert await bob.told() == "still here"


@pytest.mark.parametrize(
    ("mode", "number", "failure"),
    [
        ("+i", 473, PermanentFailure),
        ("+k key", 475, PermanentFailure),
        ("+l 1", 471, TransientFailure),
    ],
)
async def test_a_channel_that_does_not_let_us_in_is_told_nothing(
    ngircd: Ngircd, mode: str, number: int, failure: type[Exception]
) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await alice.write("JOIN #fmn")
        await alice.write(f"MODE #fmn {mode}")
        await alice.until(" MODE ")
        with pytest.raises(failure, match=rf"'#fmn': .*\({number}\)"):
            await irc.send(CONTENT, replace(ALICE, address="#fmn"))


async def test_a_channel_where_only_others_may_speak_fails_for_good(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await alice.write("JOIN #fmn")
        await alice.write("MODE #fmn +m")
        await alice.until(" MODE ")
        with pytest.raises(PermanentFailure, match=r"\(404\)"):
            await irc.send(CONTENT, replace(ALICE, address="#fmn"))


async def test_where_the_nick_is_taken_another_is_used(ngircd: Ngircd) -> None:
    async with (
        person(ngircd.port, "fmn"),
        person(ngircd.port, "fmn_"),
        person(ngircd.port, "alice") as alice,
        Irc(settings(ngircd.port)) as irc,
    ):
        await irc.send(CONTENT, ALICE)

        assert (await alice.until("PRIVMSG"))[-1].startswith(":fmn__!")


async def test_a_nick_the_server_does_not_allow_is_told(ngircd: Ngircd) -> None:
    async with Irc(settings(ngircd.port, nick="much-too-long-for-it")) as irc:
        with pytest.raises(TransientFailure, match=r"\(432\)"):
            await irc.send(CONTENT, ALICE)


async def test_a_server_that_was_killed_and_started_again_is_found_again(ngircd: Ngircd) -> None:
    async with Irc(settings(ngircd.port)) as irc:
        async with person(ngircd.port, "alice") as alice:
            await irc.send(saying("before"), ALICE)
            assert await alice.told() == "before"
        ngircd.kill()
        with pytest.raises(TransientFailure):
            await irc.send(saying("meanwhile"), ALICE)
        ngircd.start()
        async with person(ngircd.port, "alice") as alice:

            async def said() -> bool:
                try:
                    await irc.send(saying("after"), ALICE)
                except TransientFailure:
                    return False
                return True

            await eventually(said)
            assert await alice.told() == "after"


async def test_a_server_that_wants_a_password_gets_it(ngircd: Ngircd) -> None:
    ngircd.stop()
    ngircd.start(password=SECRET)
    async with (
        person(ngircd.port, "alice", password=SECRET) as alice,
        Irc(settings(ngircd.port, password=SECRET)) as irc,
    ):
        await irc.send(CONTENT, ALICE)

        assert CONTENT.text == await alice.told()


async def test_a_password_that_is_wrong_loses_nothing_and_is_not_told(ngircd: Ngircd) -> None:
    ngircd.stop()
    ngircd.start(password=SECRET)
    wrong = settings(ngircd.port, password=SECRET[1:])
    async with Irc(wrong) as irc:
        with pytest.raises(TransientFailure, match=r"(?i)password") as raised:
            await irc.send(CONTENT, ALICE)

    assert SECRET[1:] not in str(raised.value) + repr(wrong)


async def test_it_speaks_tls(ngircd: Ngircd, certificate: Certificate) -> None:
    port = start_with_tls(ngircd, certificate)
    tls = settings(port, host="localhost", tls=True, ca_file=str(certificate.path))
    async with person(ngircd.port, "alice") as alice, Irc(tls) as irc:
        await irc.send(CONTENT, ALICE)

        assert CONTENT.text == await alice.told()


async def test_a_certificate_nobody_knows_loses_nothing(
    ngircd: Ngircd, certificate: Certificate
) -> None:
    port = start_with_tls(ngircd, certificate)
    async with Irc(settings(port, host="localhost", tls=True)) as irc:
        with pytest.raises(TransientFailure, match="self-signed certificate"):
            await irc.send(CONTENT, ALICE)


def start_with_tls(ngircd: Ngircd, certificate: Certificate) -> int:
    port = free_port()
    ngircd.stop()
    files = [f"CertFile = {certificate.path}", f"KeyFile = {certificate.key}"]
    ngircd.start("[SSL]", *files, f"Ports = {port}")
    return port


async def test_sends_at_the_same_time_do_not_mix(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        nobody = replace(ALICE, address="nobody")
        outcomes = await asyncio.gather(
            *(
                irc.send(saying(f"{n}", f"{n}"), ALICE if n % 2 else nobody)
                for n in range(irc.at_once)
            ),
            return_exceptions=True,
        )
        heard = [await alice.told() for _ in range(4)]

    assert [type(outcome) for outcome in outcomes] == [Absent, type(None)] * 2
    assert heard == ["1", "1", "3", "3"]


def script(*lines: str) -> Callable[[str], list[str]]:
    """Answer as a polite server to whom `nick` speaks, and to PRIVMSG with these lines."""

    def answer(heard: str) -> list[str]:
        words = heard.split()
        if words[0] == "USER":
            return [f":s 001 {words[1]} :hello"]
        if words[0] == "PING":
            return [f":s PONG s {words[1]}"]
        return list(lines) if words[0] == "PRIVMSG" else []

    return answer


@asynccontextmanager
async def scripted(answer: Callable[[str], list[str]]) -> AsyncIterator[tuple[int, list[str]]]:
    """Run a server that answers each line as told; an empty answer hangs up."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await reader.readline():
            heard.append(raw.decode().strip())
            for line in answer(heard[-1]):
                if not line:
                    writer.transport.abort()
                    return
                writer.write(f"{line}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def test_a_connection_lost_after_the_lines_left_fails_for_now_and_says_so() -> None:
    async with scripted(script("")) as (port, _), Irc(settings(port)) as irc:
        with pytest.raises(TransientFailure, match="after 1 of 1 lines had left"):
            await irc.send(saying("one"), ALICE)


async def test_a_server_that_does_not_answer_fails_for_now_and_is_left() -> None:
    def mute(heard: str) -> list[str]:
        said = " PRIVMSG " in f" {' '.join(lines)} "
        return [] if said and heard.startswith("PING") else script()(heard)

    async with scripted(mute) as (port, lines), Irc(settings(port, timeout="0.3s")) as irc:
        with pytest.raises(TransientFailure, match="after 1 of 1 lines had left"):
            await irc.send(saying("one"), ALICE)
        lines.clear()

        async def registered_again() -> bool:
            return any(line.startswith("USER") for line in lines)

        await eventually(registered_again)


async def test_a_server_gone_without_a_word_is_noticed_when_nobody_speaks() -> None:
    def gone(heard: str) -> list[str]:
        return [] if heard == "PING :fmn" else script()(heard)

    async with scripted(gone) as (port, heard), Irc(settings(port, timeout="0.1s")):

        async def registered_twice() -> bool:
            return sum(line.startswith("USER") for line in heard) >= 2

        await eventually(registered_twice)


async def test_a_ping_of_the_server_is_answered() -> None:
    asking = script("PING :are you there")
    async with scripted(asking) as (port, heard), Irc(settings(port)) as irc:
        await irc.send(CONTENT, ALICE)

    assert "PONG :are you there" in heard


async def test_a_refusal_for_now_is_tried_again_later() -> None:
    busy = script(":s 263 fmn PRIVMSG :busy, try again")
    async with scripted(busy) as (port, _), Irc(settings(port)) as irc:
        with pytest.raises(TransientFailure, match=r"'alice': busy, try again \(263\)"):
            await irc.send(CONTENT, ALICE)


async def test_an_unknown_prefix_is_reckoned_with_as_the_longest() -> None:
    async with scripted(script()) as (port, heard), Irc(settings(port)) as irc:
        await irc.send(saying("x" * 1000), ALICE)

    said = [line.split(" :", 1)[1] for line in heard if line.startswith("PRIVMSG")]
    assert "".join(said) == "x" * 1000
    assert all(340 <= len(text) <= 360 for text in said[:-1])


async def test_a_server_that_makes_our_name_endless_leaves_room_for_words() -> None:
    def boasting(heard: str) -> list[str]:
        name = f":s 311 fmn fmn fmn {'h' * 9000} * :x"
        return [name, *script()(heard)] if heard.startswith("PING") else script()(heard)

    async with scripted(boasting) as (port, heard), Irc(settings(port)) as irc:
        await irc.send(saying("x" * 300), ALICE)

    said = [line.split(" :", 1)[1] for line in heard if line.startswith("PRIVMSG")]
    assert "".join(said) == "x" * 300


async def test_it_takes_leave(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice:
        await alice.write("JOIN #fmn")
        async with Irc(settings(ngircd.port)) as irc:
            await irc.send(CONTENT, replace(ALICE, address="#fmn"))

        assert (await alice.until(" QUIT "))[-1].startswith(":fmn!")


async def test_lines_beyond_the_burst_keep_the_pace(ngircd: Ngircd) -> None:
    slow = settings(ngircd.port, burst=4, pace="0.1s")
    now = asyncio.get_running_loop().time
    async with person(ngircd.port, "alice"), Irc(slow) as irc:
        began = now()
        await irc.send(saying(*"abcdefghij"), ALICE)
        lasted = now() - began

    # Ten lines and the PING behind them, at most 4 of them at once.
    assert lasted >= 0.1 * (11 - 4) - 0.01


@pytest.mark.parametrize(
    "wrong", [{"nick": "two words"}, {"nick": "x\r\nQUIT"}, {"ca_file": "/no/file"}, {"burst": "0"}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Irc.Settings(**wrong)
