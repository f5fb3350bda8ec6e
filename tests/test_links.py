"""Signed links: bound to a purpose, expiring, and nobody makes them but us."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmn.links import BadLink, Confirm, Links, Stop, Undo
from fmn.model import DestinationId, RuleId

LINKS = Links("https://fmn.example/n", "a secret of thirty-two characters")
STOP = Stop(DestinationId("d1"), (RuleId("r1"), RuleId("r2")))
UNDO = Undo(STOP.destination, STOP.rules, (RuleId("r3"),), ("0123456789abcdef",))
CONFIRM = Confirm(STOP.destination)


@pytest.mark.parametrize("purpose", [STOP, UNDO, CONFIRM])
def test_a_link_says_what_it_allows(purpose: Any) -> None:
    start, _, token = LINKS.address(purpose).rpartition("/")
    assert start == f"https://fmn.example/n/{type(purpose).__name__.lower()}"
    assert LINKS.read(type(purpose), token) == purpose


def test_a_link_is_good_for_one_purpose_only() -> None:
    pairs: list[tuple[Any, Any]] = [(STOP, Undo), (UNDO, Stop), (CONFIRM, Stop), (STOP, Confirm)]
    for purpose, other in pairs:
        with pytest.raises(BadLink):
            LINKS.read(other, LINKS.token(purpose))


def test_a_link_expires() -> None:
    token = LINKS.token(STOP)
    with pytest.raises(BadLink):
        LINKS.read(Stop, token, lifetime=timedelta(seconds=-1))


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_link_that_was_changed_does_not_work(at: int, to: str) -> None:
    token = LINKS.token(STOP)
    at %= len(token)
    changed = token[:at] + to + token[at + 1 :]
    if changed != token:
        # The last character of base64 has bits that stand for nothing.
        try:
            assert LINKS.read(Stop, changed) == STOP
        except BadLink:
            return
        assert at + 1 in {len(token), *(i for i, each in enumerate(token) if each == ".")}


@pytest.mark.parametrize("bad", ["", ".", "a.b.c", "\ud800", "x" * 10_000])
def test_nonsense_is_refused_in_one_way(bad: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read(Stop, bad)


@pytest.mark.parametrize(("url", "secret"), [("", "s" * 32), ("https://fmn.example", "")])
def test_without_an_address_or_a_secret_there_are_no_links(url: str, secret: str) -> None:
    links = Links(url, secret)
    assert (links.token(STOP), links.address(STOP)) == ("", "")
    forged = Links("https://fmn.example", " ").token(STOP)
    with pytest.raises(BadLink):
        links.read(Stop, forged)
    with pytest.raises(BadLink):
        Links().read(Stop, Links("https://x", "").token(STOP))


NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_a_code_works_on_its_day_and_the_next_however_it_is_typed() -> None:
    code = LINKS.code(STOP.destination, NOW)
    assert re.fullmatch("[A-Z2-7]{4}-[A-Z2-7]{4}", code)
    for typed in (code, code.lower(), code.replace("-", " "), f" {code[:3]} {code[3:]}\n"):
        assert LINKS.is_code(STOP.destination, typed, NOW)
        assert LINKS.is_code(STOP.destination, typed, NOW + timedelta(days=1))
        assert not LINKS.is_code(STOP.destination, typed, NOW + timedelta(days=2))
        assert not LINKS.is_code(STOP.destination, typed, NOW - timedelta(days=1))


def test_a_code_is_of_one_destination_and_one_site() -> None:
    code = LINKS.code(STOP.destination, NOW)
    assert not LINKS.is_code(DestinationId("d2"), code, NOW)
    another = Links("https://fmn.example/n", "another secret, which is long enough")
    assert not another.is_code(STOP.destination, code, NOW)


def test_without_a_secret_there_is_no_code_and_none_is_right() -> None:
    nobody = Links("https://fmn.example")
    assert nobody.code(STOP.destination, NOW) == ""
    assert not nobody.is_code(STOP.destination, "", NOW)


@given(st.text())
def test_nothing_else_is_a_code(typed: str) -> None:
    assert not LINKS.is_code(STOP.destination, typed, NOW)
