from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from fmn.emission import Handled
from fmn.model import Message, MessageId, Ownership, Severity
from fmn.rules.access import Field, Key, keys_of
from fmn.rules.glob import Globs
from fmn.rules.sought import Pattern
from fmn.storage import candidates, covers, tables
from fmn.storage.candidates import Sample, Seen, samples, seen
from fmn.storage.engine import reading, writing
from tests.storage.factories import NOON, recorded

HOUR = timedelta(hours=1)
Cover = frozenset[Key | Pattern]


def a_message(message_id: str, **changes: Any) -> Message:
    return replace(Message(MessageId(message_id), topic="org.example.build"), **changes)


def at(hours: float, message: Message) -> Handled:
    return Handled(message, NOON + hours * HOUR, version=1, notifications=0)


def one(field: Field, *values: str) -> Cover:
    return frozenset(Key(field, value) for value in values)


def globs(field: Field, *patterns: str) -> Cover:
    return frozenset(Pattern(field, pattern) for pattern in patterns)


async def sampled(
    engine: AsyncEngine,
    *covers: Cover,
    spans: Sequence[tuple[datetime, datetime]] = ((NOON, NOON + 24 * HOUR),),
    at_most: int = 1000,
) -> list[Sample]:
    async with reading(engine) as connection:
        return await samples(connection, covers, spans, at_most=at_most)


async def found(engine: AsyncEngine, *covers: Cover) -> list[str]:
    """Return the ids of all candidates of a day, the newest first."""
    (sample,) = await sampled(engine, *covers)
    assert sample.candidates == len(sample.messages)
    return [message.id for message in sample.messages]


async def offered(engine: AsyncEngine, field: Field, **choice: Any) -> list[Seen]:
    async with reading(engine) as connection:
        return await seen(connection, field, **choice)


async def test_a_message_comes_back_as_it_was(engine: AsyncEngine) -> None:
    message = Message(
        id=MessageId("urn:uuid:1"),
        topic="org.example.build",
        app="Copr",
        agent="bob",
        users=frozenset({"alice", "bob"}),
        groups=frozenset({"python-sig"}),
        artifacts=frozenset({"rpms/kernel", "containers/a/b"}),
        owners=(
            Ownership("rpms/kernel", frozenset({"alice"}), frozenset({"kernel-sig"})),
            Ownership("containers/a/b"),
        ),
        severity=Severity.ERROR,
        summary="größer \N{PILE OF POO}",
        text="two\nlines",
        url="https://example.org/1",
        sent_at=NOON - HOUR,
        private=True,
        body=b'{"build": 1.10, "bytes": "\xff"}',
    )
    await recorded(engine, at(1, message))
    (sample,) = await sampled(engine)
    assert sample.messages == (message,)


@pytest.mark.parametrize(
    "key",
    [
        Key("topic", "org.example.build"),
        Key("application", "copr"),
        Key("artifact", "containers/a/b"),
        Key("type", "containers"),
        Key("name", "a/b"),
        Key("user", "alice"),
        Key("agent", "bob"),
        Key("group", "python-sig"),
        Key("owner", "charlie"),
        Key("owning group", "kernel-sig"),
        Key("severity", "info"),
    ],
    ids=lambda key: key.field,
)
async def test_a_message_is_found_by_each_of_its_keys(engine: AsyncEngine, key: Key) -> None:
    message = a_message(
        "this",
        app="Copr",
        agent="bob",
        users=frozenset({"alice"}),
        groups=frozenset({"python-sig"}),
        artifacts=frozenset({"containers/a/b"}),
        owners=(Ownership("containers/a/b", frozenset({"charlie"}), frozenset({"kernel-sig"})),),
    )
    other = a_message("other", topic="org.example.else", severity=Severity.DEBUG)
    await recorded(engine, at(1, message), at(2, other))
    assert await found(engine, frozenset({key})) == ["this"]


async def test_the_field_of_a_key_counts(engine: AsyncEngine) -> None:
    await recorded(engine, at(1, a_message("m", agent="bob", users=frozenset({"alice"}))))
    assert await found(engine, one("agent", "alice")) == []
    assert await found(engine, one("user", "alice")) == ["m"]


async def test_spans_are_half_open_and_go_by_when_a_message_was_handled(
    engine: AsyncEngine,
) -> None:
    # What was recorded first was handled last: numbers and times disagree.
    for hours in (3, 2, 1, 0):
        await recorded(engine, at(hours, a_message(f"{hours}", agent="bob")))
    spans = [(NOON, NOON + HOUR), (NOON + HOUR, NOON + 3 * HOUR), (NOON - HOUR, NOON)]
    for chosen in ((), (one("agent", "bob"),)):
        several = await sampled(engine, *chosen, spans=spans)
        assert [(each.start, each.end) for each in several] == spans
        assert [[m.id for m in each.messages] for each in several] == [["0"], ["2", "1"], []]
        assert [each.candidates for each in several] == [1, 2, 0]


@pytest.mark.parametrize("chosen", [(), (one("agent", "bob"),)], ids=["unkeyed", "keyed"])
async def test_the_newest_are_read_and_the_rest_is_counted(
    engine: AsyncEngine, chosen: tuple[Cover, ...]
) -> None:
    await recorded(engine, *(at(hour, a_message(f"{hour}", agent="bob")) for hour in range(9)))
    (sample,) = await sampled(engine, *chosen, at_most=3)
    assert ([m.id for m in sample.messages], sample.candidates) == (["8", "7", "6"], 9)


async def test_a_message_with_two_of_the_keys_counts_once(engine: AsyncEngine) -> None:
    await recorded(
        engine,
        at(1, a_message("both", users=frozenset({"alice", "bob"}))),
        at(2, a_message("one", users=frozenset({"bob"}))),
        at(3, a_message("none", users=frozenset({"charlie"}))),
    )
    assert await found(engine, one("user", "alice", "bob")) == ["one", "both"]


async def test_of_several_sets_the_one_with_the_fewest_messages_is_used(
    engine: AsyncEngine,
) -> None:
    many = [at(1, a_message(f"{number}", app="copr")) for number in range(5)]
    few = at(2, a_message("few", app="copr", agent="alice"))
    await recorded(engine, *many, few)
    copr, alice = one("application", "copr"), one("agent", "alice", "nobody")
    assert await found(engine, copr, alice) == ["few"]
    assert await found(engine, alice, copr) == ["few"]


async def test_what_never_stood_in_a_message_has_no_candidates(engine: AsyncEngine) -> None:
    await recorded(engine, at(1, a_message("m", app="copr")))
    assert await found(engine, one("application", "copr"), one("agent", "nobody")) == []
    assert await found(engine, frozenset()) == []


async def test_patterns_are_resolved_against_what_was_seen(engine: AsyncEngine) -> None:
    names = ["python3-requests", "python3", "perl-python3-x", "Python3-requests", "py%thon3-"]
    for hour, name in enumerate(names):
        message = a_message(name, artifacts=frozenset({f"rpms/{name}"}), agent="python3-agent")
        await recorded(engine, at(hour, message))
    assert await found(engine, globs("name", "python3-*")) == ["python3-requests"]
    assert await found(engine, globs("name", "*%*", "python?")) == ["py%thon3-", "python3"]
    assert await found(engine, globs("name", "perl-*") | one("name", "python3")) == [
        "perl-python3-x",
        "python3",
    ]
    assert len(await found(engine, globs("name", "*"))) == len(names)
    assert await found(engine, globs("name", "ruby-*")) == []


async def test_thousands_of_keys_are_no_matter(engine: AsyncEngine) -> None:
    names = [f"python3-{number}" for number in range(10_000)]
    artifacts = [frozenset(f"rpms/{name}" for name in names[start::4]) for start in range(4)]
    await recorded(
        engine, *(at(each, a_message(f"{each}", artifacts=artifacts[each])) for each in range(4))
    )
    await recorded(engine, at(5, a_message("other", artifacts=frozenset({"rpms/perl"}))))
    assert await found(engine, globs("name", "python3-*")) == ["3", "2", "1", "0"]
    assert await found(engine, one("name", *names[::2])) == ["2", "0"]


async def test_a_set_of_too_many_keys_is_as_good_as_none(engine: AsyncEngine) -> None:
    users = [f"user{number}" for number in range(covers.MOST_KEYS + 1)]
    crowd = a_message("crowd", users=frozenset(users), agent="bob")
    await recorded(engine, at(1, crowd), at(2, a_message("other")))
    assert await found(engine, globs("user", "user*")) == ["other", "crowd"]
    assert await found(engine, globs("user", "user*"), one("agent", "bob")) == ["crowd"]


async def test_values_too_long_for_an_index_are_found_all_the_same(engine: AsyncEngine) -> None:
    long = "long-" + "x" * 3000
    await recorded(
        engine,
        at(1, a_message("long", topic=long)),
        at(2, a_message("short", topic="short")),
    )
    assert await found(engine, one("topic", long)) == ["long"]
    assert "long" in await found(engine, globs("topic", "long-*"))
    assert [each.value for each in await offered(engine, "topic")] == ["short"]


async def test_what_a_database_refuses_is_found_as_it_is_kept(engine: AsyncEngine) -> None:
    await recorded(engine, at(1, a_message("bad", agent="a\0b")))
    assert await found(engine, one("agent", "a\0b")) == ["bad"]
    assert await found(engine, one("agent", "a\N{REPLACEMENT CHARACTER}b")) == ["bad"]
    assert await found(engine, globs("agent", "a?b")) == ["bad"]
    assert await found(engine, globs("agent", "a\0*", "\ud800*")) == []


async def test_bodies_are_read_only_as_far_as_they_fit(engine: AsyncEngine) -> None:
    body = b'"' + b"x" * (candidates.MOST_BYTES * 2 // 5) + b'"'
    await recorded(engine, *(at(hour, a_message(f"{hour}", body=body)) for hour in range(4)))
    (sample,) = await sampled(engine)
    assert ([m.id for m in sample.messages], sample.candidates) == (["3", "2"], 4)


VALUES = ["a", "b", "ab", "ba", "a*b"]


@st.composite
def histories(draw: st.DrawFn) -> list[Handled]:
    """Draw messages that have much in common, in an order that is not that of their times."""
    some = st.frozensets(st.sampled_from(VALUES), max_size=3)
    return [
        at(
            draw(st.integers(0, 5)),
            a_message(f"{number}", users=draw(some), agent=draw(st.sampled_from(VALUES))),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


KEYS = st.builds(Key, st.sampled_from(["user", "agent"]), st.sampled_from([*VALUES, "c"]))
PATTERNS = st.builds(Pattern, st.sampled_from(["user", "agent"]), st.sampled_from(["a*", "?", "*"]))


def has(message: Message, cover: Iterable[Key | Pattern]) -> bool:
    return any(
        key == wanted
        or (
            isinstance(wanted, Pattern)
            and key.field == wanted.field
            and Globs([wanted.glob]).match(key.value)
        )
        for key in keys_of(message)
        for wanted in cover
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories(), cover=st.frozensets(KEYS | PATTERNS, min_size=1, max_size=4))
async def test_candidates_are_those_that_have_one_of_the_keys(
    engine: AsyncEngine, history: list[Handled], cover: Cover
) -> None:
    async with writing(engine) as connection:
        for table in (tables.messages, tables.message_keys, tables.seen):
            await connection.execute(delete(table))
    for line in history:
        await recorded(engine, line)
    spans = [(NOON + hours * HOUR, NOON + (hours + 2) * HOUR) for hours in (0, 2, 4)]
    expected = [
        {line.message.id for line in history if start <= line.at < end and has(line.message, cover)}
        for start, end in spans
    ]
    several = await sampled(engine, cover, spans=spans)
    assert [{message.id for message in each.messages} for each in several] == expected
    assert [each.candidates for each in several] == list(map(len, expected))


async def test_values_are_offered_the_most_frequent_first(engine: AsyncEngine) -> None:
    apps = ["Koji", "copr", "koji", "KOJI", "bodhi", "copr"]
    lines = [at(hour, a_message(f"{hour}", app=app)) for hour, app in enumerate(apps)]
    await recorded(engine, *lines)
    every = [Seen("koji", 3), Seen("copr", 2), Seen("bodhi", 1)]
    assert await offered(engine, "application") == every
    assert await offered(engine, "application", limit=2) == every[:2]


async def test_what_stood_only_in_private_messages_is_not_offered(engine: AsyncEngine) -> None:
    await recorded(engine, at(1, a_message("1", agent="spy", private=True)))
    await recorded(engine, at(2, a_message("2", agent="bob", private=True)))
    await recorded(engine, at(3, a_message("3", agent="bob")))
    await recorded(engine, at(4, a_message("4", agent="bob", private=True)))
    assert [each.value for each in await offered(engine, "agent")] == ["bob"]


@pytest.mark.parametrize(
    ("containing", "expected"),
    [
        ("KERN", ["kernel"]),
        ("rnel", ["kernel"]),
        ("%", ["100%"]),
        ("_", []),
        ("éc", ["École"]),
        ("ÉC", ["École"]),
        ("", ["100%", "kernel", "École"]),
        ("x", []),
        ("\0", []),
        ("\ud800", []),
    ],
)
async def test_values_are_found_by_a_part_whatever_its_case(
    engine: AsyncEngine, containing: str, expected: list[str]
) -> None:
    names = frozenset({"rpms/kernel", "rpms/100%", "rpms/École"})
    await recorded(engine, at(1, a_message("m", artifacts=names)))
    offers = await offered(engine, "name", containing=containing)
    assert [each.value for each in offers] == expected
