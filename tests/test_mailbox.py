"""The mail server of the tests that notes what it took."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import wait_until
from tests.peers.mailbox import Mailbox, mailbox


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Mailbox]:
    with mailbox(tmp_path) as running:
        yield running


def hand_over(box: Mailbox, message: str, address: str) -> int:
    """Hand a mail over; return 250, or with what code it was refused."""
    mail = f"Subject: x\r\nX-Fmn-Message: {message}\r\n\r\n.a dot\r\n"
    with smtplib.SMTP("127.0.0.1", box.port, timeout=20) as client:
        try:
            client.sendmail("fmn@example.org", [address], mail)
        except smtplib.SMTPRecipientsRefused as refused:
            return next(iter(refused.recipients.values()))[0]
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
    return 250


def taken(box: Mailbox) -> list[tuple[str, str, bool]]:
    return [(one.message, one.address, one.answered) for one in box.receipts()]


def test_it_notes_what_it_took(box: Mailbox) -> None:
    assert hand_over(box, "m-1", "alice@example.org") == 250
    assert hand_over(box, "m-2", "bob@example.org") == 250
    assert taken(box) == [("m-1", "alice@example.org", True), ("m-2", "bob@example.org", True)]


def test_it_refuses_addresses_and_contents(box: Mailbox) -> None:
    box.tell(addresses={"bob@example.org": "550 5.1.1 nobody"})
    box.tell(contents={"m-1 alice@example.org": "554 5.6.0 no"})
    assert hand_over(box, "m-1", "bob@example.org") == 550
    assert hand_over(box, "m-1", "alice@example.org") == 554
    assert hand_over(box, "m-2", "alice@example.org") == 250
    assert taken(box) == [("m-2", "alice@example.org", True)]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_it_is_busy_until_told_otherwise(box: Mailbox, verb: str) -> None:
    box.tell(busy={verb: "451 4.3.2 later"})
    assert hand_over(box, "m-1", "alice@example.org") == 451
    box.tell(busy={})
    assert hand_over(box, "m-1", "alice@example.org") == 250
    assert taken(box) == [("m-1", "alice@example.org", True)]


def test_what_it_takes_without_an_answer_is_noted_so(box: Mailbox) -> None:
    box.tell(lose=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        hand_over(box, "m-1", "alice@example.org")
    assert hand_over(box, "m-1", "alice@example.org") == 250
    wait_until(lambda: len(taken(box)) == 2, "both receipts")
    assert [answered for _, _, answered in taken(box)] == [False, True]
