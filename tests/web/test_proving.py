"""Asking addresses to confirm: nobody may be made a nuisance through us."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fmn.errors import FieldError
from fmn.model import Destination, DestinationState, UserId
from fmn.preferences.values import Preferences
from fmn.web.destinations import proving
from fmn.web.destinations.proving import bothered
from fmn.web.parts import Parts
from tests.storage.factories import a_destination
from tests.web import people
from tests.web.fakes import FakeQueues


class CountingQueues(FakeQueues):
    """Queues that count as the real ones do, by a clock of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 5, 4, tzinfo=UTC)
        self._counts: dict[tuple[str, str], tuple[datetime, int]] = {}

    async def allowed(self, what: str, who: str, *, times: int, within: timedelta) -> bool:
        ends, used = self._counts.get((what, who), (self.now, 0))
        if ends <= self.now:
            ends, used = self.now + within, 0
        self._counts[what, who] = (ends, used + 1)
        return used < times


@pytest.fixture
def queues() -> CountingQueues:
    return CountingQueues()


def a_stranger(asker: str) -> Destination:
    """Return an address that is not the asker's."""
    there = replace(a_destination(user=asker), state=DestinationState.UNCONFIRMED)
    return replace(there, address="stranger@example.org")


async def letters_in(parts: Parts, queues: CountingQueues, hours: int) -> int:
    """Return how many letters get out while five people ask ten times an hour."""
    before = len(queues.told)
    for _ in range(hours):
        for asker in "abcde":
            for _ in range(2):
                await proving.ask(parts, a_stranger(asker))
        queues.now += timedelta(hours=1)
    return len(queues.told) - before


async def test_one_address_is_asked_ten_times_a_day_at_most(
    parts: Parts, queues: CountingQueues
) -> None:
    assert await letters_in(parts, queues, hours=1) == 5
    assert await letters_in(parts, queues, hours=23) == 5
    queues.now += timedelta(hours=1)
    assert await letters_in(parts, queues, hours=24) == 10


async def test_somebody_else_is_asked_all_the_same(parts: Parts, queues: CountingQueues) -> None:
    await letters_in(parts, queues, hours=5)
    other = replace(a_stranger("f"), address="other@example.org")
    assert await proving.ask(parts, other) == "sent"


async def asked(parts: Parts, kind: str, addresses: Iterable[str]) -> list[str]:
    """Return what becomes of asking each of these once, every time by somebody else."""
    said: list[str] = []
    for number, address in enumerate(addresses):
        there = replace(a_stranger(f"asker-{number}"), kind=kind, address=address)
        said.append(await proving.ask(parts, there))
    return said


SPELLED = {
    "email": ["Stranger@example.org", "stranger@EXAMPLE.org"],
    "irc": ["str[nger]", "Str{nger}", "STR[nger}"],
    "birds": ["Parrot:perch/t0ken-of-the-parrot", "parrot:perch/T0KEN-of-the-parrot"],
}


@pytest.mark.parametrize("kind", SPELLED)
async def test_one_address_is_one_however_it_is_spelled(
    parts: Parts, queues: CountingQueues, kind: str
) -> None:
    spelled = (SPELLED[kind] * 3)[:6]
    assert await asked(parts, kind, spelled) == ["sent"] * 5 + ["busy"]


async def test_the_paths_of_one_host_are_asked_twenty_times_an_hour_in_all(
    parts: Parts, queues: CountingQueues
) -> None:
    paths = [f"https://Hooks.example.org:443/{number}?a#secret={number}" for number in range(21)]
    assert await asked(parts, "birds", paths) == ["sent"] * 20 + ["busy"]
    assert await asked(parts, "birds", ["https://other.example.org/"]) == ["sent"]
    queues.now += timedelta(hours=1)
    assert await asked(parts, "birds", paths) == ["sent"] * 20 + ["busy"]


async def test_one_path_of_a_host_is_an_address_whatever_its_secret(
    parts: Parts, queues: CountingQueues
) -> None:
    same = [f"https://hooks.example.org/one#secret={number}" for number in range(6)]
    assert await asked(parts, "birds", same) == ["sent"] * 5 + ["busy"]
    assert await asked(parts, "birds", ["https://hooks.example.org/two"]) == ["sent"]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://hooks.example.org/path?query#fragment", "https://hooks.example.org"),
        ("HTTPS://Hooks.Example.ORG:443", "https://hooks.example.org"),
        ("https://hooks.example.org./path", "https://hooks.example.org"),
        ("https://hooks.example.org:8443/path", "https://hooks.example.org:8443"),
        ("http://hooks.example.org/path", "http://hooks.example.org"),
        ("http://hooks.example.org:80/path", "http://hooks.example.org"),
        ("https://b\u00fccher.example/path", "https://xn--bcher-kva.example"),
        ("https://[2001:db8:0::1]/path", "https://[2001:db8::1]"),
        ("alice@example.org", ""),
        ("ntfy:ntfy.sh/topic-of-alice", ""),
        ("https:no-host", ""),
        ("https://host:port/path", ""),
    ],
)
def test_of_an_address_on_the_web_its_host_is_bothered_too(address: str, host: str) -> None:
    assert bothered("webhook", address)[1] == host


@pytest.mark.parametrize(
    ("kind", "address", "one"),
    [
        ("irc", r"Oftc/[]\^A", "oftc/{}|~a"),
        ("email", "A[]@Example.org", "a[]@example.org"),
        ("webhook", "https://Example.org/A?b#secret=c", "https://example.org/a?b"),
        ("matrix", "@Alice:example.org", "@alice:example.org"),
    ],
)
def test_an_address_is_the_same_in_other_letters(kind: str, address: str, one: str) -> None:
    assert bothered(kind, address)[0] == one


async def test_ten_codes_may_be_typed_for_a_destination_and_thirty_by_a_user(
    parts: Parts, queues: CountingQueues
) -> None:
    nicks = [replace(a_destination(name), kind="irc", address=name) for name in "abcd"]
    read = [[await typed(parts, nick, "AAAA-AAAA") for _ in range(10)] for nick in nicks]
    assert read == [["wrong"] * 10, ["wrong"] * 10, ["wrong"] * 10, ["busy"] * 10]
    queues.now += timedelta(hours=1)
    read = [[await typed(parts, nicks[0], "AAAA-AAAA") for _ in range(11)]]
    assert read == [["wrong"] * 10 + ["busy"]]


async def test_after_too_many_wrong_codes_the_right_one_has_to_wait_too(
    parts: Parts, queues: CountingQueues
) -> None:
    nick = replace(a_destination(), kind="irc", state=DestinationState.UNCONFIRMED)
    await people.saved(parts, Preferences(UserId("id-of-alice"), "alice", (), (nick,)))
    right = parts.links.code(nick.id, parts.now())
    for _ in range(proving.GUESSES):
        await typed(parts, nick, "AAAA-AAAA")
    assert await typed(parts, nick, right) == "busy"
    queues.now += timedelta(hours=1)
    assert await typed(parts, nick, right) == "confirmed"


async def typed(parts: Parts, to: Destination, code: str) -> str:
    """Return what becomes of a code that is typed."""
    try:
        return await proving.type_code(parts, to, code)
    except FieldError:
        return "wrong"
