"""The oracle foretells what rules say, and agrees with fmn where both are asked."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml

from tests.chaos.oracle import DOMAIN, Asks, Fact, Fate, Person, Wish, World, world
from tests.peers.site import Site

BUILD = Fact("m-1", "org.chaos.build.done", "Koji", "warning")
PLAIN = Fact("m-2", "org.chaos.builder.done", None, "info")


@pytest.mark.parametrize(
    ("asks", "told"),
    [
        (Asks("topic", "org.chaos.build."), {"m-1"}),
        (Asks("topic", "org.chaos.build.", negated=True), {"m-2"}),
        (Asks("application", "KOJI"), {"m-1"}),
        (Asks("application", "KOJI", negated=True), {"m-2"}),
        (Asks("severity", "info"), {"m-1", "m-2"}),
        (Asks("severity", "warning"), {"m-1"}),
        (Asks("severity", "error", negated=True), {"m-1", "m-2"}),
    ],
)
def test_a_filter_is_true_of_what_it_asks(asks: Asks, told: set[str]) -> None:
    assert {fact.id for fact in (BUILD, PLAIN) if asks.true_of(fact)} == told


def test_rules_that_choose_one_destination_make_one_notification() -> None:
    both = [Wish(name, (Asks("topic", "org."),), ("home",)) for name in ("One", "Other")]
    alice = Person("alice", {"home": True, "away": False}, tuple(both))
    assert World((alice,), (BUILD,), frozenset()).fates() == {
        ("m-1", f"alice-home@{DOMAIN}"): Fate.SENT
    }


def test_what_is_refused_fails_and_what_nobody_confirmed_is_suppressed() -> None:
    wish = Wish("All", (Asks("topic", "org."),), ("home", "away", "gone"))
    alice = Person("alice", {"home": True, "away": False, "gone": True}, (wish,))
    home, away, gone = (f"alice-{place}@{DOMAIN}" for place in ("home", "away", "gone"))
    given = World((alice,), (BUILD, PLAIN), frozenset({gone}), frozenset({("m-1", home)}))
    assert given.fates() == {
        ("m-1", home): Fate.FAILED,
        ("m-2", home): Fate.SENT,
        ("m-1", away): Fate.SUPPRESSED,
        ("m-2", away): Fate.SUPPRESSED,
        ("m-1", gone): Fate.FAILED,
        ("m-2", gone): Fate.FAILED,
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_world_has_all_there_is_to_prove(seed: int) -> None:
    given = world(Random(seed), 1_000, 5)
    fates = Counter(given.fates().values())
    assert len({fact.id for fact in given.facts}) == 1_000
    assert fates[Fate.FAILED] == 5
    assert fates[Fate.SUPPRESSED] > 0
    assert 500 < fates[Fate.SENT] < 5_000
    assert given.refused_addresses
    assert given.refused_mails
    assert world(Random(seed), 1_000, 5) == given


@pytest.mark.parametrize("seed", range(3))
def test_fmn_match_says_the_same(seed: int, tmp_path: Path) -> None:
    given = world(Random(seed), 300, 5)
    messages, rules = tmp_path / "messages.jsonl", tmp_path / "rules.yaml"
    messages.write_bytes(b"\n".join(fact.line() for fact in given.facts))
    everybody = {who.name: who.preferences(confirmed_only=False) for who in given.people}
    rules.write_text(yaml.safe_dump({"users": everybody}))
    site = Site(tmp_path, {})
    said = site.run("match", str(messages), "--rules", str(rules))
    matched = [json.loads(line) for line in said.splitlines()]
    people = {who.name: who for who in given.people}
    told = {
        (one["message"], people[one["user"]].address(to))
        for one in matched
        for to in one["destinations"]
    }
    assert told == set(given.fates())
