import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from fmn.errors import Absent, PermanentFailure, TransientFailure
from fmn.senders.irc import Irc
from tests.peers import PATIENCE, free_port
from tests.peers.ngircd import Ngircd, person
from tests.senders.test_irc import (
    ALICE,
    CONTENT,
    FAST,
    eventually,
    saying,
    script,
    scripted,
    settings,
)

ELSEWHERE = replace(ALICE, address="oftc/alice")


def network(port: int, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, **FAST, **more}


def stalling(heard: str) -> list[str]:
    """Welcome people, and then never answer what is said."""
    return [] if heard.startswith("PING :fmn-") and heard != "PING :fmn-1" else script()(heard)


@pytest.mark.parametrize("address", ["oftc/alice", "oftc/#fedora", "OFTC/alice"])
async def test_an_address_may_name_its_network(ngircd: Ngircd, address: str) -> None:
    two = settings(free_port(), networks={"oftc": network(ngircd.port)})
    target = address.partition("/")[2]
    async with person(ngircd.port, "alice") as alice, Irc(two) as irc:
        await alice.write("JOIN #fedora")
        await alice.until(" 366 ")
        await irc.send(CONTENT, replace(ALICE, address=address))

        line = (await alice.until("PRIVMSG"))[-1]
    assert line.endswith(f" PRIVMSG {target} :{CONTENT.text}")


@pytest.mark.parametrize("address", ["efnet/alice", "/alice", "efnet/#fedora", "oftc/efnet/alice"])
async def test_an_address_on_no_network_of_ours_fails_for_good_and_says_so(address: str) -> None:
    async with Irc(settings(free_port(), networks={"oftc": {}})) as irc:
        assert irc.fault(address)
        with pytest.raises(PermanentFailure, match=f"'{address}' is (on a network|not a nick)"):
            await irc.send(CONTENT, replace(ALICE, address=address))


def test_a_channel_may_have_a_slash() -> None:
    assert Irc(settings(1)).fault("#fedora/devel") is None


def test_people_are_told_which_networks_there_are() -> None:
    irc = Irc(settings(1, networks={"oftc": {}, "efnet": {}}))

    assert "efnet/alice, oftc/alice" in irc.forms[0].fields[0].hint
    assert "efnet, oftc" in (irc.fault("quakenet/alice") or "")
    assert irc.forms[0].address({"address": "oftc/alice"}) == "oftc/alice"


def test_one_lease_is_for_all_networks() -> None:
    other = {"host": "irc.oftc.net", "nick": "bot"}

    assert Irc(settings(1, networks={"oftc": other})).account == (
        "bot@irc.oftc.net:6667,fmn@127.0.0.1:1"
    )


@pytest.mark.parametrize("name", ["", "OFTC", "a/b", "a b", "#a"])
def test_a_name_nobody_could_write_into_an_address_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="networks"):
        Irc.Settings(networks={name: {}})


async def test_a_network_that_stalls_takes_no_place_of_another(ngircd: Ngircd) -> None:
    async with scripted(stalling) as (port, _):
        two = settings(ngircd.port, networks={"oftc": network(port, timeout="30s")})
        async with person(ngircd.port, "alice") as alice, Irc(two) as irc:
            places = asyncio.Semaphore(irc.at_once)

            async def sent(address: str, text: str) -> None:
                async with places:
                    await irc.send(saying(text), replace(ALICE, address=address))

            stalled = [asyncio.create_task(sent("oftc/#fmn", "x")) for _ in range(20)]
            for n in range(20):
                await sent("alice", f"{n}")
            heard = [await alice.told() for _ in range(20)]
            in_hand = [task for task in stalled if not task.done()]
            for task in in_hand:
                task.cancel()
            ended = await asyncio.gather(*stalled, return_exceptions=True)

    assert heard == [f"{n}" for n in range(20)]
    assert 0 < len(in_hand) < irc.at_once
    busy = [failed for failed in ended if isinstance(failed, Absent)]
    assert len(busy) == 20 - len(in_hand)
    assert all(failed.longest == timedelta(days=1) for failed in busy)


async def test_a_network_that_is_away_says_so_at_once_after_its_first_try() -> None:
    async with scripted(lambda _: []) as (port, _), Irc(settings(port, timeout="0.2s")) as irc:
        for _ in range(3):
            with pytest.raises(TransientFailure, match=f"127.0.0.1:{port}"):
                async with asyncio.timeout(PATIENCE):
                    await irc.send(CONTENT, ALICE)


async def test_a_send_that_is_given_up_leaves_nothing_for_the_next(ngircd: Ngircd) -> None:
    async with person(ngircd.port, "alice") as alice, Irc(settings(ngircd.port)) as irc:
        await irc.send(saying("one"), ALICE)
        given_up = asyncio.create_task(irc.send(saying("two"), ALICE))
        await asyncio.sleep(0)  # it has begun
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)

        async def said() -> bool:
            try:
                await irc.send(saying("three"), ALICE)
            except TransientFailure:
                return False
            return True

        await eventually(said)
        await alice.until(":three")
