import base64

import pytest

from fmn.errors import TransientFailure
from fmn.senders.irc import Irc
from tests.peers.inspircd import MODULES, PASSWORD, Inspircd, register
from tests.peers.ngircd import Ngircd, Person, person
from tests.senders.test_irc import ALICE, CONTENT, saying, scripted, settings

WITHOUT_SASL = tuple(module for module in MODULES if module != "sasl")
WRONG = "not-the-password"


async def account_of(nick: str, asking: Person) -> list[str]:
    await asking.write(f"WHOIS {nick}")
    lines = await asking.until(" 318 ")
    return [line.split()[4] for line in lines if line.split()[1] == "330"]


@pytest.mark.parametrize("modules", [MODULES, WITHOUT_SASL], ids=["SASL", "NickServ"])
async def test_who_has_an_account_is_logged_in_before_anything_is_said(
    inspircd: Inspircd, modules: tuple[str, ...]
) -> None:
    inspircd.start(modules=modules)
    await register(inspircd.port, "robot")
    ours = settings(inspircd.port, username="robot", account_password=PASSWORD)
    async with person(inspircd.port, "alice") as alice, Irc(ours) as irc:
        await irc.send(CONTENT, ALICE)

        assert await alice.told() == CONTENT.text
        assert await account_of("fmn", alice) == ["robot"]


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        (MODULES, r"does not log us in as 'fmn'.*\(904\)"),
        (WITHOUT_SASL, "NickServ does not log us"),
    ],
    ids=["SASL", "NickServ"],
)
async def test_a_wrong_password_of_the_account_loses_nothing_and_is_not_told(
    inspircd: Inspircd,
    modules: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inspircd.start(modules=modules)
    await register(inspircd.port, "fmn")
    wrong = settings(inspircd.port, account_password=WRONG, timeout="3s")
    async with Irc(wrong) as irc:
        with pytest.raises(TransientFailure):
            await irc.send(CONTENT, ALICE)  # the timeout may end before NickServ's does
        await irc._speakers[""]._tried.wait()
        with pytest.raises(TransientFailure, match=words) as failure:
            await irc.send(CONTENT, ALICE)

    said = str(failure.value) + repr(wrong) + "".join(capsys.readouterr())
    assert WRONG not in said
    assert base64.b64encode(f"\0fmn\0{WRONG}".encode()).decode() not in said


async def test_where_there_is_nobody_to_log_in_with_nothing_is_said(ngircd: Ngircd) -> None:
    async with Irc(settings(ngircd.port, account_password=PASSWORD)) as irc:
        with pytest.raises(TransientFailure, match="neither SASL nor NickServ"):
            await irc.send(CONTENT, ALICE)


async def test_who_has_an_account_takes_its_nick_back(inspircd: Inspircd) -> None:
    inspircd.start()
    await register(inspircd.port, "fmn")
    async with (
        person(inspircd.port, "fmn") as thief,
        person(inspircd.port, "alice") as alice,
        Irc(settings(inspircd.port, account_password=PASSWORD)) as irc,
    ):
        await irc.send(CONTENT, ALICE)

        assert (await alice.until("PRIVMSG"))[-1].startswith(":fmn!")
        await thief.until("ERROR")


async def test_a_server_that_echoes_what_it_hears_gives_no_secret_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, account = "server words", "account words"

    def echo(heard: str) -> list[str]:
        if heard.startswith("CAP LS"):
            return [":s CAP * LS :sasl=PLAIN"]
        if heard.startswith("CAP REQ"):
            return [":s CAP * ACK :sasl "]
        if heard == "AUTHENTICATE PLAIN":
            return ["AUTHENTICATE +"]
        if heard.startswith("AUTHENTICATE"):
            return [f":s 904 fmn :{heard} {server} {account}", f"ERROR :{account}"]
        return []

    async with scripted(echo) as (port, heard):
        both = settings(port, password=server, account_password=account)
        async with Irc(both) as irc:
            with pytest.raises(TransientFailure, match=r"AUTHENTICATE \*\*\*") as failure:
                await irc.send(CONTENT, ALICE)

    said = str(failure.value) + "".join(capsys.readouterr())
    sent = next(line for line in heard if line.startswith("AUTHENTICATE") and "PLAIN" not in line)
    assert base64.b64decode(sent.split()[1]) == f"\0fmn\0{account}".encode()
    assert not [secret for secret in (server, account, sent.split()[1]) if secret in said]


@pytest.mark.parametrize(
    ("password", "lengths"),
    [("x" * 10, [20]), ("x" * 295, [400, 1]), ("x" * 296, [400, 4]), ("x" * 700, [400, 400, 140])],
)
def test_a_long_password_goes_in_chunks_and_a_full_one_is_not_the_last(
    password: str, lengths: list[int]
) -> None:
    pieces = settings(1, account_password=password).sasl

    assert [len(piece) for piece in pieces] == lengths
    assert base64.b64decode("".join(pieces).removesuffix("+")) == f"\0fmn\0{password}".encode()


THRESHOLD = 'fakelag="no" threshold="20" commandrate="20000"'
"""A server that throws out who says much more than 20 lines in a second."""


async def test_with_our_pace_no_server_throws_us_out(inspircd: Inspircd) -> None:
    inspircd.start(speed=THRESHOLD, services=False)
    paced = settings(inspircd.port, burst=4, pace="0.1s")
    async with person(inspircd.port, "alice") as alice, Irc(paced) as irc:
        for n in range(25):
            await irc.send(saying(f"{n}"), ALICE)

        assert [await alice.told() for _ in range(25)] == [f"{n}" for n in range(25)]


async def test_without_it_a_server_does(inspircd: Inspircd) -> None:
    inspircd.start(speed=THRESHOLD, services=False)
    hasty = settings(inspircd.port, lines=100)
    async with person(inspircd.port, "alice"), Irc(hasty) as irc:
        with pytest.raises(TransientFailure, match="connection lost after"):
            await irc.send(saying(*(f"{n}" for n in range(100))), ALICE)
