"""The verdict sees everything that can be wrong, each in words, and nothing where all is well."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.oracle import Fate, Key
from tests.chaos.verdict import Outcome, Verdict, judge

SENT: Key = ("m-1", "alice@example.org")
ALSO: Key = ("m-2", "alice@example.org")
REFUSED: Key = ("m-1", "bob@example.org")
UNREAD: Key = ("m-1", "charlie@example.org")
FATES = {SENT: Fate.SENT, ALSO: Fate.SENT, REFUSED: Fate.FAILED, UNREAD: Fate.SUPPRESSED}


def a_ledger(**changes: Any) -> dict[str, Any]:
    messages = {"taken": 2, "handled": 2, "dead": 0, "waiting": 0, "lost": 0, "residual": 0}
    notifications = {
        "made": 4,
        "sent": 2,
        "in_doubt": 0,
        "suppressed": {"unconfirmed": 1},
        "failed": 1,
        "held": 0,
        "waiting": 0,
        "retrying": 0,
        "dead": 0,
        "residual": 0,
    }
    for name, value in changes.items():
        part = messages if name in messages else notifications
        part[name] = value
    return {"messages": messages, "notifications": notifications}


FINE = Outcome(
    received={SENT: 1, ALSO: 1},
    history={
        SENT: ("sent", None),
        ALSO: ("sent", None),
        REFUSED: ("failed", "'bob@example.org': 5.1.1 nobody (550)"),
        UNREAD: ("suppressed", "unconfirmed"),
    },
    messages=2,
    ledger=a_ledger(),
    ledger_exit=0,
)


def judged(**changes: Any) -> Verdict:
    return judge(FATES, 2, replace(FINE, **changes))


def test_nothing_is_wrong_where_all_came_out_as_foretold() -> None:
    assert judged() == Verdict(
        (),
        {
            "expected": 2,
            "received": 2,
            "missing": 0,
            "unexpected": 0,
            "surplus": 0,
            "in_doubt": 0,
            "failed": 1,
            "republished": 0,
        },
    )


def test_what_came_twice_is_fine_where_it_was_in_doubt_and_counted() -> None:
    ledger = a_ledger(sent=1, in_doubt=1)
    again = judged(received={SENT: 2, ALSO: 1}, ledger=ledger, in_doubt={SENT})
    assert again.wrong == ()
    assert again.figures["surplus"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"received": {SENT: 1}}, "1 missing: m-2 for alice@example.org"),
        (
            {"received": {SENT: 1, ALSO: 1, UNREAD: 1}},
            "1 unexpected: m-1 for charlie@example.org",
        ),
        (
            {"received": {SENT: 2, ALSO: 1}, "in_doubt": {SENT}},
            "1 surplus mails, only 0 counted in doubt",
        ),
        (
            {"received": {SENT: 2, ALSO: 1}, "ledger": a_ledger(sent=1, in_doubt=1)},
            "1 twice although nothing left them in doubt: m-1 for alice@example.org",
        ),
        (
            {"history": {**FINE.history, SENT: ("retrying", None)}},
            "1 with another state in the history: m-1 for alice@example.org",
        ),
        (
            {"history": {**FINE.history, ("m-3", "x@example.org"): ("sent", None)}},
            "1 in the history and never foretold: m-3 for x@example.org",
        ),
        (
            {"history": {**FINE.history, REFUSED: ("failed", "no")}},
            "1 failed without the mail server's words: m-1 for bob@example.org",
        ),
        ({"messages": 1}, "1 of 2 messages are in the history"),
        ({"ledger_exit": 1}, "`fmn ledger` ends with 1"),
        ({"ledger": a_ledger(taken=1)}, "1 messages taken, 2 were published"),
        ({"ledger": a_ledger(lost=1)}, "the ledger has 1 messages lost"),
        ({"ledger": a_ledger(retrying=1)}, "not done: 0, 0, 1, 0"),
        ({"ledger": a_ledger(sent=1)}, "sent 1 and in doubt 0, foretold 2"),
        ({"ledger": a_ledger(failed=0)}, "failed 0, foretold 1"),
        (
            {"ledger": a_ledger(suppressed={"unconfirmed": 1, "paused": 1})},
            "suppressed {'unconfirmed': 1, 'paused': 1}, foretold 1 unconfirmed",
        ),
        (
            {"ledger": a_ledger(suppressed={"unconfirmed": 1, "duplicate": 1})},
            "suppressed {'unconfirmed': 1, 'duplicate': 1}, foretold 1 unconfirmed",
        ),
    ],
)
def test_whatever_else_came_out_is_said(changes: dict[str, Any], words: str) -> None:
    assert words in judged(**changes).wrong


def test_what_the_bus_delivered_twice_is_suppressed_as_a_duplicate() -> None:
    ledger = a_ledger(taken=3, handled=3, suppressed={"unconfirmed": 2, "duplicate": 3})
    assert judged(ledger=ledger).wrong == ()
