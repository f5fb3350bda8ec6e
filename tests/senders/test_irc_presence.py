from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from fmn.errors import Absent
from fmn.senders.irc import Irc
from tests.peers.inspircd import Inspircd
from tests.peers.ngircd import Ngircd, person
from tests.senders.test_irc import ALICE, CONTENT, eventually, saying, script, scripted, settings

Answers = Callable[[str], list[str]]


async def is_told_once_when_there(port: int) -> None:
    async with Irc(settings(port, look_again="0.2s")) as irc:

        async def said() -> bool:
            try:
                await irc.send(CONTENT, ALICE)
            except Absent:
                return False
            return True

        assert not await said()
        assert not await said()
        async with person(port, "Alice") as alice:
            await eventually(said)
            await irc.send(saying("the end"), ALICE)
            assert [await alice.told(), await alice.told()] == [CONTENT.text, "the end"]

        async def gone() -> bool:
            return not await said()

        await eventually(gone)


async def test_with_monitor_a_nick_that_comes_back_is_told_once(inspircd: Inspircd) -> None:
    inspircd.start(services=False)
    await is_told_once_when_there(inspircd.port)


async def test_without_monitor_a_nick_that_comes_back_is_told_once(ngircd: Ngircd) -> None:
    await is_told_once_when_there(ngircd.port)


def welcoming(isupport: str, *, there: str = "", answers: Sequence[str] = ()) -> Answers:
    """Answer as a server with these tokens of 005, where only these nicks are."""
    polite = script(*answers)

    def answer(heard: str) -> list[str]:
        match heard.split():
            case ["USER", nick, *_]:
                return [f":s 001 {nick} :hi", f":s 005 {nick} {isupport} :are supported"]
            case ["MONITOR", "+", nick]:
                return [f":s {'730' if nick in there else '731'} fmn :{nick}"]
            case ["ISON", nick]:
                return [f":s 303 fmn :{nick if nick in there else ''}"]
        return polite(heard)

    return answer


async def test_who_is_known_to_be_away_costs_no_line_until_the_server_says_otherwise() -> None:
    server = welcoming("MONITOR=100")
    async with scripted(server) as (port, heard), Irc(settings(port)) as irc:
        with pytest.raises(Absent):
            await irc.send(CONTENT, ALICE)
        lines = list(heard)
        for _ in range(3):
            with pytest.raises(Absent):
                await irc.send(CONTENT, ALICE)

        assert "MONITOR + alice" in lines
        assert lines == heard


@pytest.mark.parametrize("isupport", ["MONITOR=1", "MONITOR=full", "NOTHING"])
async def test_where_nobody_more_is_watched_for_us_we_ask_and_believe_it_for_a_while(
    isupport: str,
) -> None:
    server = welcoming(isupport, there="alice bob")

    def full(heard: str) -> list[str]:
        if isupport == "MONITOR=full" and heard == "MONITOR + bob":
            return [":s 734 fmn 1 bob :Monitor list is full."]
        return server(heard)

    bob = replace(ALICE, address="bob")
    async with scripted(full) as (port, heard), Irc(settings(port, look_again="1h")) as irc:
        for recipient in (ALICE, bob, bob):
            await irc.send(CONTENT, recipient)

    assert heard.count("ISON bob") == 1
    assert heard.count("ISON alice") == (isupport == "NOTHING")


async def test_who_leaves_just_before_a_line_arrives_is_waited_for() -> None:
    server = welcoming("X", there="alice", answers=(":s 401 fmn alice :No such nick",))
    async with scripted(server) as (port, heard), Irc(settings(port)) as irc:
        for _ in range(2):
            with pytest.raises(Absent):
                await irc.send(CONTENT, ALICE)

    assert sum(line.startswith("PRIVMSG") for line in heard) == 1


async def test_nicks_are_the_same_where_the_server_says_so() -> None:
    server = welcoming("MONITOR=9 CASEMAPPING=ascii", there="alice{")
    async with scripted(server) as (port, heard), Irc(settings(port)) as irc:
        await irc.send(CONTENT, replace(ALICE, address="alice{"))
        with pytest.raises(Absent):
            await irc.send(CONTENT, replace(ALICE, address="alice["))

    assert "MONITOR + alice[" in heard


@pytest.mark.parametrize("most", ["9" * 5000, "9" * 4000, "-1", "٣", "²", "1e9", ""])
async def test_a_number_that_is_none_is_no_reason_to_fail(most: str) -> None:
    """Python reads no more than 4300 digits as a number."""

    def odd(heard: str) -> list[str]:
        offer = [f":s 005 fmn MONITOR={most} :are supported"] if heard.startswith("USER") else []
        name = heard.rpartition(" ")[2]
        there = {"MONITOR": [f":s 730 fmn :{name}!u@h"], "ISON": [f":s 303 fmn :{name}"]}
        return [*script()(heard), *offer, *there.get(heard.split(maxsplit=1)[0], [])]

    async with scripted(odd) as (port, heard), Irc(settings(port)) as irc:
        await irc.send(CONTENT, ALICE)

    assert any(line.startswith("PRIVMSG alice") for line in heard)
