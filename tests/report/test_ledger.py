import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fmn.report.ledger import Ledger, Messages, Notifications, draw_ledger
from tests.report.terminal import drawn

MESSAGES = Messages(taken=100, handled=80, dead=3, waiting=15, lost=2, undecodable=9)
NOTIFICATIONS = Notifications(
    made=50,
    sent=20,
    in_doubt=1,
    suppressed=Counter({"unconfirmed": 4, "duplicate": 2}),
    failed=3,
    held=5,
    waiting=8,
    retrying=6,
    dead=1,
)
counts = st.integers(0, 10**6)


def test_a_ledger_that_adds_up_has_no_residual() -> None:
    ledger = Ledger(MESSAGES, NOTIFICATIONS)
    assert ledger.balanced
    assert Ledger().balanced
    text = drawn(draw_ledger(ledger))
    assert "Residual 0: all messages are accounted for." in text
    assert "Residual 0: all notifications are accounted for." in text
    rows = [line.split() for line in text.splitlines()]
    for row in (["taken", "100"], ["suppressed", "6"], ["duplicate", "2"], ["in", "doubt", "1"]):
        assert row in rows


def test_a_message_that_is_nowhere_is_a_residual() -> None:
    ledger = Ledger(Messages(taken=2, handled=1), NOTIFICATIONS)
    assert not ledger.balanced
    assert ledger.messages.residual == 1
    assert "Residual 1: as many messages came in and are nowhere." in drawn(draw_ledger(ledger))


def test_a_notification_that_nobody_made_is_a_residual() -> None:
    ledger = Ledger(MESSAGES, Notifications(suppressed={"paused": 3}))
    assert not ledger.balanced
    assert ledger.notifications.residual == -3
    said = "Residual -3: more notifications are there than came in."
    assert said in drawn(draw_ledger(ledger))


def test_the_ledger_for_machines() -> None:
    assert json.loads(json.dumps(Ledger(MESSAGES, NOTIFICATIONS).as_json())) == {
        "messages": {
            "taken": 100,
            "handled": 80,
            "dead": 3,
            "waiting": 15,
            "lost": 2,
            "undecodable": 9,
            "residual": 0,
        },
        "notifications": {
            "made": 50,
            "sent": 20,
            "in_doubt": 1,
            "suppressed": {"unconfirmed": 4, "duplicate": 2},
            "failed": 3,
            "held": 5,
            "waiting": 8,
            "retrying": 6,
            "dead": 1,
            "residual": 0,
        },
    }


@given(*[counts] * 5)
def test_every_message_is_somewhere(
    handled: int, dead: int, waiting: int, lost: int, undecodable: int
) -> None:
    taken = handled + dead + waiting + lost
    assert Messages(taken, handled, dead, waiting, lost, undecodable).residual == 0


@given(st.lists(counts, min_size=7, max_size=7), st.dictionaries(st.text(), counts))
def test_every_notification_is_somewhere(parts: list[int], suppressed: dict[str, int]) -> None:
    sent, in_doubt, failed, held, waiting, retrying, dead = parts
    made = sum(parts) + sum(suppressed.values())
    states = (failed, held, waiting, retrying, dead)
    assert Notifications(made, sent, in_doubt, suppressed, *states).residual == 0
