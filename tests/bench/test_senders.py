"""The benchmark runs, and measures what it says; how fast is no matter of a test."""

import pytest

from fmn.bench.peers import lines_heard, peer
from fmn.bench.senders import Plan, measured
from tests.senders.contract import content, recipient, sender

SMALL = Plan(rounds=1, mails=50, pushes=50, lines=5, idle=20)


@pytest.mark.real
async def test_it_measures_each_sender_and_what_stands_beside_it() -> None:
    said = list[str]()
    figures = await measured(SMALL, said.append)

    assert said == ["email", "push", "irc", "idle"]
    assert [figure.what for figure in figures] == [
        "email",
        "ready-made mails",
        "email ÷ ready-made",
        "email ÷ new connections",
        "push",
        "irc ÷ its bucket",
        "one of 20 idle smtp",
        "one of 20 idle irc",
    ]
    assert all(figure.value > 0 for figure in figures)
    assert [bool(figure.limit) for figure in figures] == [
        True,
        True,
        *[False] * 2,
        True,
        *[False] * 3,
    ]


async def test_the_irc_peer_counts_every_line_it_hears() -> None:
    async with peer("irc") as port:
        before = await lines_heard(port)
        async with sender("irc", host="127.0.0.1", port=port, burst=100) as irc:
            await irc.send(content("irc", "one"), recipient("alice"))
            first = await lines_heard(port)
            await irc.send(content("irc", "one\ntwo\nthree"), recipient("alice"))
            second = await lines_heard(port)
    assert first > before
    assert second - first >= 4  # three lines, and the question whether they were dealt with
