from dataclasses import replace

import pytest

from fmn.emission import News
from fmn.errors import PermanentFailure
from fmn.kinds import Proof
from fmn.senders.irc import Irc
from tests.peers.inspircd import PASSWORD, Inspircd, register
from tests.peers.ngircd import Ngircd, Person, person
from tests.senders.test_irc import ALICE, CONTENT, saying, settings

ASKED = replace(
    CONTENT, text="The code is K7QX-3MZA", headers={"code": "K7QX-3MZA", "user": "Alice"}
)
ROOM = replace(ALICE, address="#fmn")


async def joined(someone: Person, *modes: str) -> None:
    await someone.write("JOIN #fmn")
    for mode in modes:
        await someone.write(f"MODE #fmn {mode}")
    await someone.write("PING :joined")
    await someone.until("PONG")


def test_nicks_and_channels_are_proven_by_a_code() -> None:
    irc = Irc(settings(1))

    assert irc.proof("alice") is irc.proof("#fmn") is Proof.CODE
    assert (irc.shown("#fmn"), irc.lacks) == ("#fmn", None)


@pytest.mark.parametrize(("user", "proven"), [("Alice", News.PROVEN), ("bob", None)])
async def test_an_account_of_the_users_name_proves_a_nick_and_no_other_does(
    inspircd: Inspircd, user: str, proven: News | None
) -> None:
    inspircd.start()
    await register(inspircd.port, "alice")
    asked = replace(ASKED, headers={"code": "x", "user": user})
    async with person(inspircd.port, "alice") as alice:
        await alice.write(f"PRIVMSG NickServ :IDENTIFY {PASSWORD}")
        await alice.until(" 900 ")
        async with Irc(settings(inspircd.port, accounts_are_users=True)) as irc:
            assert await irc.send(asked, ALICE) is proven
            await irc.send(saying("the end"), ALICE)

        told = [await alice.told()]
        while told[-1] != "the end":
            told.append(await alice.told())
    assert told == ([] if proven else [ASKED.text]) + ["the end"]


async def test_where_accounts_prove_nothing_the_nick_is_told_the_code(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        assert await irc.send(ASKED, ALICE) is None
        assert await alice.told() == ASKED.text


@pytest.mark.parametrize("mode", ["+n", "+s"])
async def test_the_code_for_a_channel_goes_to_its_operators_alone(
    ngircd: Ngircd, mode: str
) -> None:
    async with (
        person(ngircd.port, "alice") as alice,
        person(ngircd.port, "bob") as bob,
        Irc(settings(ngircd.port)) as irc,
    ):
        await joined(alice, mode)
        await joined(bob)
        await irc.send(ASKED, ROOM)
        lines = await alice.until(ASKED.text)
        await irc.send(saying("the end"), replace(ALICE, address="bob"))
        seen = await bob.until("the end")
        await alice.write("NAMES #fmn")
        names = (await alice.until(" 366 "))[-2].rpartition(":")[2].split()

    private = [line for line in lines if "PRIVMSG" in line]
    assert all(" PRIVMSG alice :" in line for line in private)
    assert private[0].endswith("You are an operator of #fmn, and Alice wants to be notified there.")
    assert [line for line in seen if "PRIVMSG" in line] == seen[-1:]
    assert sorted(names) == ["@alice", "bob"]
    assert bool([line for line in seen if " JOIN " in line]) == (mode == "+s")


async def test_who_is_in_the_channel_anyway_stays(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await joined(alice)
        await irc.send(CONTENT, ROOM)
        await irc.send(ASKED, ROOM)

        assert not [line for line in await alice.until(ASKED.text) if " PART " in line]


async def test_at_most_three_operators_are_asked(ngircd: Ngircd) -> None:
    async with (
        person(ngircd.port, "a1") as first,
        person(ngircd.port, "a2") as second,
        person(ngircd.port, "a3") as third,
        person(ngircd.port, "a4") as fourth,
        Irc(settings(ngircd.port)) as irc,
    ):
        everybody = (first, second, third, fourth)
        await joined(first)
        for other, nick in ((second, "a2"), (third, "a3"), (fourth, "a4")):
            await joined(other)
            await first.write(f"MODE #fmn +o {nick}")
            await first.until(f"+o {nick}")
        await irc.send(ASKED, ROOM)
        for nick in ("a1", "a2", "a3", "a4"):
            await irc.send(saying("the end"), replace(ALICE, address=nick))
        told = [await someone.until("the end") for someone in everybody]

    assert sum(any(ASKED.text in line for line in lines) for lines in told) == 3


@pytest.mark.parametrize("there", [True, False])
async def test_without_an_operator_a_channel_cannot_be_confirmed(
    ngircd: Ngircd, there: bool
) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        if there:
            await joined(alice, "-o alice")
        with pytest.raises(PermanentFailure, match="'#fmn': no operator is there"):
            await irc.send(ASKED, ROOM)


async def test_a_channel_that_does_not_let_us_in_tells_no_operators(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await joined(alice, "+is")
        with pytest.raises(PermanentFailure, match=r"\(473\)"):
            await irc.send(ASKED, ROOM)
