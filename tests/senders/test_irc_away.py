"""Whose fault it is that nothing was said on IRC, and whether it was."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fmn.emission import Recipient
from fmn.errors import Absent, FmnError, InDoubt, PeerAway, PermanentFailure
from fmn.errors import TransientFailure as Transient
from fmn.senders.irc import Irc
from tests.peers import free_port
from tests.peers.ngircd import Ngircd, person
from tests.senders.conftest import Certificate
from tests.senders.test_irc import ALICE, CONTENT, FAST, saying, script, scripted, settings

ROOM = replace(ALICE, address="#fmn")
ELSEWHERE = replace(ALICE, address="oftc/alice")
PASSWORD = "hunter2"  # noqa: S105  # of nobody


async def failing(irc: Irc, recipient: Recipient = ALICE, *lines: str) -> FmnError:
    with pytest.raises(FmnError) as raised:
        await irc.send(saying(*(lines or ("one",))), recipient)
    assert PASSWORD not in str(raised.value)
    return raised.value


async def test_where_nobody_listens_the_peer_is_away() -> None:
    port = free_port()
    async with Irc(settings(port)) as irc:
        failed = await failing(irc)

    assert type(failed) is PeerAway
    assert f"IRC server 127.0.0.1:{port}" in str(failed)


@pytest.mark.parametrize("answer", ["464 fmn :password incorrect", "465 fmn :banned", ""])
async def test_a_network_that_does_not_want_us_is_away(answer: str) -> None:
    said = f":s {answer}" if answer else ""
    async with (
        scripted(lambda _: [said]) as (port, _),
        Irc(settings(port, password=PASSWORD)) as irc,
    ):
        assert type(await failing(irc)) is PeerAway


async def test_an_account_that_is_refused_is_a_fault_that_hits_all() -> None:
    def refusing(heard: str) -> list[str]:
        match heard.split()[:2]:
            case ["CAP", "LS"]:
                return [":s CAP * LS :sasl"]
            case ["CAP", "REQ"]:
                return [":s CAP * ACK :sasl"]
            case ["AUTHENTICATE", "PLAIN"]:
                return ["AUTHENTICATE +"]
            case ["AUTHENTICATE", _]:
                return [":s 904 fmn :SASL authentication failed"]
        return []

    async with (
        scripted(refusing) as (port, _),
        Irc(settings(port, account_password=PASSWORD)) as irc,
    ):
        assert type(await failing(irc)) is PeerAway


async def test_a_certificate_nobody_knows_is_a_fault_that_hits_all(
    certificate: Certificate,
) -> None:
    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=certificate.context())
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with Irc(settings(port, host="localhost", tls=True)) as irc:
            failed = await failing(irc)

    assert type(failed) is PeerAway
    assert "certificate" in str(failed)


async def test_one_network_of_several_that_is_away_does_not_stop_the_others(
    ngircd: Ngircd,
) -> None:
    away = {"host": "127.0.0.1", "port": free_port(), **FAST, "reconnect_first": "3s"}
    two = settings(ngircd.port, networks={"oftc": away})
    async with person(ngircd.port, "alice") as alice, Irc(two) as irc:
        failed = await failing(irc, ELSEWHERE)
        await irc.send(CONTENT, ALICE)
        await alice.until("PRIVMSG")

    assert type(failed) is Transient
    assert failed.retry_after is not None
    assert timedelta(seconds=1) <= failed.retry_after <= timedelta(minutes=2)


async def test_what_left_before_the_connection_was_lost_is_in_doubt() -> None:
    async with scripted(script("")) as (port, _), Irc(settings(port)) as irc:
        failed = await failing(irc)

    assert type(failed) is InDoubt
    assert "after 1 of 1 lines had left" in str(failed)


async def test_what_left_and_was_not_answered_is_in_doubt() -> None:
    def mute(heard: str) -> list[str]:
        said.extend([heard] if heard.startswith("PRIVMSG") else [])
        return [] if said else script()(heard)

    said: list[str] = []
    async with scripted(mute) as (port, _), Irc(settings(port, timeout="0.3s")) as irc:
        assert type(await failing(irc)) is InDoubt


async def test_what_left_only_in_part_is_not_in_doubt() -> None:
    """With a pace between its lines, the last has not left when the first ends it all."""
    slow = {"burst": 6, "pace": "0.2s"}
    async with scripted(script("")) as (port, _), Irc(settings(port, **slow)) as irc:
        failed = await failing(irc, ALICE, *"abcdefghij")

    assert type(failed) is Transient
    assert "of 10 lines had left" in str(failed)


@pytest.mark.parametrize(
    ("recipient", "verb"), [(ALICE, "ISON"), (ALICE, "MONITOR"), (ROOM, "JOIN")]
)
async def test_a_connection_lost_before_anything_was_said_is_not_in_doubt(
    recipient: Recipient, verb: str
) -> None:
    def losing(heard: str) -> list[str]:
        offer = [":s 005 fmn MONITOR=100 :are supported"] if verb == "MONITOR" else []
        return [""] if heard.startswith(verb) else [*offer, *script()(heard)]

    async with scripted(losing) as (port, heard), Irc(settings(port)) as irc:
        assert type(await failing(irc, recipient)) is Transient

    assert not [line for line in heard if line.startswith("PRIVMSG")]


@pytest.mark.parametrize(
    ("recipient", "refusal", "failure"),
    [
        (ROOM, "404 fmn #fmn :cannot send to channel", PermanentFailure),
        (ALICE, "401 fmn alice :no such nick", Absent),
        (ALICE, "263 fmn PRIVMSG :busy", Transient),
    ],
)
async def test_a_refusal_that_came_before_the_connection_was_lost_counts(
    recipient: Recipient, refusal: str, failure: type[FmnError]
) -> None:
    def losing(heard: str) -> list[str]:
        return [f":s {refusal}", ""] if heard.startswith("PRIVMSG") else script()(heard)

    async with scripted(losing) as (port, _), Irc(settings(port)) as irc:
        assert type(await failing(irc, recipient)) is failure
