from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.egress.answer import Answer, secrets_of

NOW = datetime.now(UTC)


def asked(value: str) -> timedelta | None:
    return Answer(429, {"retry-after": value}, b"").retry_after


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta()),
        ("120", timedelta(minutes=2)),
        (" 5 ", timedelta(seconds=5)),
        ("86401", timedelta(days=1)),
        ("9" * 5000, timedelta(days=1)),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", timedelta()),
        ("Fri, 31 Dec 1999 23:59:59 -0000", timedelta()),
        ("Friday, 31-Dec-99 23:59:59 GMT", timedelta()),  # RFC 850
        ("Fri Dec 31 23:59:59 1999", timedelta()),  # asctime
        ("Fri, 99 Dec 1999 99:59:59 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    value: str, wait: timedelta | None
) -> None:
    assert asked(value) == wait


def test_retry_after_may_be_a_date_to_come() -> None:
    wait = asked(format_datetime(NOW + timedelta(hours=1), usegmt=True))

    assert wait is not None
    assert timedelta(minutes=50) < wait <= timedelta(hours=1)


def test_without_retry_after_nobody_asked() -> None:
    assert Answer(429, {}, b"").retry_after is None


@given(st.text())
def test_any_retry_after_is_read(value: str) -> None:
    wait = asked(value)

    assert wait is None or timedelta() <= wait <= timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"", "200 OK"),
        (404, b"no such hook", "404 Not Found: no such hook"),
        (799, b"odd", "799: odd"),
        (500, b"one\r\n\ttwo\x00\x1b[1m three\n", "500 Internal Server Error: one two [1m three"),
        (500, b"\xff\xfe", "500 Internal Server Error: \ufffd\ufffd"),
        (502, b"<html><h1>Bad gateway</h1>", "502 Bad Gateway"),
        (400, b"x" * 1000, "400 Bad Request: " + "x" * 200 + "…"),
    ],
)
def test_the_words_are_one_clean_line(status: int, body: bytes, words: str) -> None:
    assert Answer(status, {}, body).words == words


def test_a_page_has_no_words() -> None:
    assert Answer(403, {"content-type": "text/html"}, b"Go away").words == "403 Forbidden"


@given(st.binary(max_size=500))
def test_whatever_comes_the_words_are_one_short_line(body: bytes) -> None:
    words = Answer(500, {}, body).words

    assert words.isprintable()
    assert len(words) <= 230


URL = "https://h.example/services/T0000AAAA/b%2Fc-very-secret?key=k3y-of-mine&x=1#secret=whsec_MfKQ/9r=="


@pytest.mark.parametrize(
    "echoed",
    [
        URL,
        "/services/T0000AAAA/b%2Fc-very-secret",
        "T0000AAAA",
        "t0000aaaa",
        "b/c-very-secret",
        "k3y-of-mine",
        "whsec_MfKQ/9r==",
        '{"path": "/services/T0000AAAA/b%2Fc-very-secret?key=k3y-of-mine"}',
        "x" * 195 + "T0000AAAA",
    ],
)
def test_what_is_secret_in_an_address_is_not_in_the_words_however_the_peer_repeats_it(
    echoed: str,
) -> None:
    answer = Answer(400, {}, f"cannot serve {echoed}!".encode(), secrets_of(URL))

    assert answer.words.startswith("400 Bad Request: cannot serve ")
    for secret in ("T0000", "very-secret", "k3y", "MfKQ"):
        assert secret.lower() not in answer.words.lower()
        assert secret not in repr(answer)


def test_the_host_is_no_secret() -> None:
    assert secrets_of("https://hooks.example.org") == ()
    assert secrets_of("https://hooks.example.org/") == ()


def test_what_may_be_taken_later_is_told_from_what_never_will_be() -> None:
    for_now = {status for status in range(200, 1000) if Answer(status, {}, b"").is_for_now}

    assert for_now == {408, 425, 429, *range(500, 600)}
